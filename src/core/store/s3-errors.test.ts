import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../../test/support/free-port.ts';
import { s3ErrorFrom } from './s3-errors.ts';

/** What becomes of a request to a port of this machine. */
async function errorAt(port: number): Promise<unknown> {
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'nowhere',
    credentials: { accessKeyId: 'ID', secretAccessKey: 'hidden' },
    maxAttempts: 1,
    requestHandler: { socketTimeout: 100 },
  });
  const call = { action: 'read', location: 's3://bucket', key: 'packs/a' } as const;
  try {
    return await client.send(new HeadBucketCommand({ Bucket: 'bucket' }));
  } catch (error) {
    return s3ErrorFrom(error, call);
  } finally {
    client.destroy();
  }
}

describe('a provider that does not answer', () => {
  const unreachable = { kind: 'Unavailable', code: 'STORE_UNREACHABLE' };

  it('though it took the connection has stalled', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await errorAt(port)).toMatchObject({
      ...unreachable,
      message: expect.stringMatching(/^Could not read packs\/a in s3:\/\/bucket: .* has stalled/),
    });
    expect(sockets).toHaveLength(1);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('because nobody listens cannot be reached', async () => {
    expect(await errorAt(await freePort())).toMatchObject({
      ...unreachable,
      message: 's3://bucket cannot be reached (ECONNREFUSED)',
    });
  });
});
