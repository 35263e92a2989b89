import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { failureOf } from '../../../test/contract/object-store.ts';
import { openStore } from './open-store.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'versions-open-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

it('opens paths and file URLs', async () => {
  const names: readonly (readonly [url: string, path: string])[] = [
    [root, root],
    [`file://${root}`, root],
    [`file://${root}/with%20space%3F`, `${root}/with space?`],
    [`${root}/c:d`, `${root}/c:d`],
    [`${root}/./x/../y`, `${root}/y`],
  ];
  for (const [url, path] of names) {
    const store = await openStore(url, { create: true });
    expect(store.properties.location).toBe(path);
  }
});

it('takes relative paths from where it is told', async () => {
  const store = await openStore('nas/backup', { create: true, relativeTo: root });
  expect(store.properties.location).toBe(join(root, 'nas/backup'));
  const below = await openStore('./s3:bucket', { create: true, relativeTo: root });
  expect(below.properties.location).toBe(join(root, 's3:bucket'));
});

it('opens for reading only', async () => {
  const store = await openStore(root, { readOnly: true });
  expect(await failureOf(store.put('a', []))).toBe('Denied STORE_READ_ONLY');
});

it.each([
  'https://user:hidden@host/path',
  'b2:hidden:path',
  'sftp:user@hidden:/srv',
  'dynamodb://hidden',
])('says that it has no stores of the kind of %s, and shows no credentials', async (url) => {
  const error: unknown = await openStore(url).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'Unsupported', code: 'STORE_KIND_UNSUPPORTED' });
  expect(JSON.stringify(error) + String(error)).not.toContain('hidden');
});

it.each([
  's3:bucket/hidden',
  's3://key:hidden@bucket/prefix',
  'S3://key:hidden@bucket',
  's3://bucket?secret=hidden',
])('refuses credentials in %s, and does not repeat them', async (url) => {
  const error: unknown = await openStore(url).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ kind: 'Usage', code: 'STORE_URL_INVALID' });
  expect(JSON.stringify(error) + String(error)).not.toContain('hidden');
});

it.each([
  '',
  'a\0b',
  'file:relative',
  'file://host/path',
  'file:///a%2fb',
  'file:///a?query',
  'file:///a#hash',
  'file:///%00',
  'file:///%zz',
])('refuses %j', async (url) => {
  expect(await failureOf(openStore(url))).toBe('Usage STORE_URL_INVALID');
});
