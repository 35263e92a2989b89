import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Machine, type Outcome } from '../../cli/machine.ts';
import { damageOrder } from '../../support/damage-order.ts';
import { seededBytes } from '../../support/seeded-random.ts';
import { treeImage } from '../../support/tree-image.ts';
import { clientOf, makeBucket, urlOf } from '../buckets.ts';
import { environmentOf, type Services, startServices } from '../services.ts';

let services: Services;
beforeAll(async () => {
  services = await startServices(['minio-1', 'versitygw']);
});
afterAll(() => services[Symbol.asyncDispose]());

/** The only mirror is locked; somebody with its credentials does to it what they can. */
it.each(['minio-1', 'versitygw'] as const)(
  'what is locked on %s comes back after somebody wrote over it and deleted it',
  async (name) => {
    const service = services.get(name);
    await makeBucket(service, 'locked', { lock: true });
    using machine = new Machine();
    machine.env = environmentOf(services);
    for (let number = 0; number < 40; number += 1) {
      await machine.write({ [`data/${number}`]: seededBytes(number, 2 ** 20) });
    }
    const run = async (...args: string[]): Promise<string> => {
      const { code, stderr, stdout }: Outcome = await machine.run(args);
      return `${code} ${stderr} ${stdout}`;
    };
    const url = urlOf(service, 'locked', '&lock-days=1&lock-mode=compliance');
    expect(await run('init', '--mirror', `m=${url}`)).toMatch(/^0 /);
    expect(await run('backup', 'data')).toMatch(/^0 /);

    const client = clientOf(service);
    const Bucket = 'locked';
    const { Contents = [] } = await client.send(
      new ListObjectsV2Command({ Bucket, Prefix: 'packs/' }),
    );
    const sizes = new Map(Contents.map(({ Key = '', Size = 0 }) => [Key, Size]));
    const [over = '', gone = ''] = damageOrder([...sizes.keys()], (key) => sizes.get(key) ?? 0);
    const retainedUntil = async (): Promise<number> => {
      const command = new GetObjectRetentionCommand({ Bucket, Key: over });
      return (await client.send(command)).Retention?.RetainUntilDate?.getTime() ?? 0;
    };
    const before = await retainedUntil();
    expect(Math.abs(before - Date.now() - 86_400_000)).toBeLessThan(600_000);
    const longer = url.replace('lock-days=1', 'lock-days=2');
    expect(await run('mirror', 'set', 'm', longer)).toMatch(/^0 /);
    const extended = await run('mirror', 'sync', '--extend-locks');
    expect(Number(/ (\d+) objects locked anew/.exec(extended)?.[1])).toBeGreaterThanOrEqual(5);
    expect((await retainedUntil()) - before).toBeGreaterThan(80_000_000);
    const { Versions = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket, Prefix: over }),
    );
    const VersionId = Versions[0]?.VersionId;
    const erase = client.send(new DeleteObjectCommand({ Bucket, Key: over, VersionId }));
    await expect(erase).rejects.toThrow(/WORM|object lock/i);
    await client.send(new PutObjectCommand({ Bucket, Key: over, Body: Buffer.from('pay me') }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: gone }));
    client.destroy();

    expect(await run('verify', '--level', 'data')).toMatch(/^2[01] /);
    expect(await run('heal')).toMatch(/2 copies mended, 0 left, 0 lost/);
    expect(await run('verify', '--level', 'data')).toMatch(/^0 /);
    expect(await run('restore', 'latest', '-t', 'back', '--no-owner')).toMatch(/^0 /);
    const restored = join(machine.path('back'), machine.path('data'));
    expect(treeImage(restored)).toEqual(treeImage(machine.path('data')));
  },
);
