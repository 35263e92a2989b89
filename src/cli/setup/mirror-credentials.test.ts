import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccessKeys } from '../../core/index.ts';
import { credentialsOf, parseAccessKeys } from './mirror-credentials.ts';

const io = {
  env: {
    PATH: process.env['PATH'],
    B2_ACCESS_KEY_ID: 'id',
    B2_SECRET_ACCESS_KEY: 'secret-of-b2',
    R2_ACCESS_KEY_ID: 'id',
  },
};
const keys = { accessKeyId: 'AKIA', secretAccessKey: 'hidden' };

async function load(text: string): Promise<AccessKeys> {
  const credentials = credentialsOf(text, io);
  if (credentials?.kind !== 'keys') throw new Error('No keys');
  return credentials.load();
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'versions-credentials-'));
  await writeFile(join(directory, 'keys'), 'AKIA\nhidden\n');
});
afterAll(() => rm(directory, { recursive: true }));

describe('credentials of a mirror', () => {
  it('come from a profile, variables, a file or a command', async () => {
    expect(credentialsOf(undefined, io)).toBeUndefined();
    expect(credentialsOf('profile:b2', io)).toEqual({ kind: 'profile', profile: 'b2' });
    expect(await load('env:B2')).toMatchObject({
      accessKeyId: 'id',
      secretAccessKey: 'secret-of-b2',
    });
    expect(await load(`file:${directory}/keys`)).toMatchObject(keys);
    expect(await load("command:printf 'AKIA\\nhidden'")).toMatchObject(keys);
  });

  it.each([
    ['env:R2', 'STORE_CREDENTIALS_MISSING'],
    ['file:/nonexistent/keys', 'STORE_CREDENTIALS_MISSING'],
    ['command:echo hidden; exit 3', 'STORE_CREDENTIALS_MISSING'],
    ['command:echo hidden', 'STORE_CREDENTIALS_INVALID'],
  ])('that %s does not give are said, and never shown', async (text, code) => {
    const error: unknown = await load(text).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ kind: 'Denied', code });
    expect(`${String(error)}${(error as Error).stack}`.replaceAll(text, '')).not.toContain(
      'hidden',
    );
  });
});

describe('parseAccessKeys', () => {
  it.each([
    ['two lines', 'AKIA\nhidden'],
    ['two lines with notes', '# of the bucket\n\n  AKIA \r\n hidden\r\n'],
    ['lines as of AWS', '[default]\naws_access_key_id = AKIA\naws_secret_access_key=hidden\n'],
    ['JSON', '{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"hidden"}'],
  ])('reads %s', (_what, text) => {
    expect(parseAccessKeys(text, 'It')).toMatchObject(keys);
  });

  it('reads keys for a while', () => {
    const text = JSON.stringify({
      AccessKeyId: 'AKIA',
      SecretAccessKey: 'hidden',
      SessionToken: 'token',
      Expiration: '2030-01-01T00:00:00Z',
    });
    const expiresAt = Date.UTC(2030, 0, 1);
    expect(parseAccessKeys(text, 'It')).toEqual({ ...keys, sessionToken: 'token', expiresAt });
  });

  it.each([
    '',
    'hidden',
    '{"AccessKeyId":"hidden"',
    '{"AccessKeyId":"hidden"}',
    'aws_secret_access_key = hidden',
  ])('refuses %j and does not show it', (text) => {
    let error: unknown;
    try {
      parseAccessKeys(text, 'It');
    } catch (reason) {
      error = reason;
    }
    expect(error).toMatchObject({ code: 'STORE_CREDENTIALS_INVALID' });
    expect(String(error)).not.toContain('hidden');
  });
});
