import { beforeEach, describe, expect, it } from 'vitest';
import { createTestMirror, type TestMirror } from '../../../test/support/test-mirrors.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import type { RepositoryId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { objectHashOf, quarantineKey } from '../format/index.ts';
import { judgeFor } from '../verify/index.ts';
import { copyObject } from './copy-object.ts';

const content = seededBytes('content', 5000);
const key = `payloads/${objectHashOf(content)}`;
const judge = judgeFor({ repository: 'aa'.repeat(16) as RepositoryId });
const flipped = Buffer.from(content);
flipped[77] = (flipped[77] ?? 0) ^ 1;

let mirrors: TestMirror[];
let [good, other, target]: TestMirror[] = [];

beforeEach(async () => {
  mirrors = await Promise.all([1, 2, 3].map((number) => createTestMirror(number)));
  [good, other, target] = mirrors;
  await good?.memory.put(key, [content]);
});

function copy(sources = mirrors): ReturnType<typeof copyObject> {
  if (!target) throw new Error('There are no mirrors');
  return copyObject(key, sources, target, { judge });
}

const inTarget = (name = key): Promise<Uint8Array> | undefined => target?.memory.get(name);
const gone = new VersionsError('Unavailable', 'TIMEOUT', 'It does not answer');

describe('copyObject', () => {
  it('brings what is missing from the first mirror with a good copy', async () => {
    await other?.memory.put(key, [flipped]);
    const copied = await copy([other!, good!, target!]);
    expect(copied).toEqual({ result: 'copied', bytes: 5000, from: 'm1' });
    expect(await inTarget()).toEqual(new Uint8Array(content));
    expect(other?.store.count('put')).toBe(0);
    expect(good?.store.count('put')).toBe(0);
  });

  it('leaves a good copy alone', async () => {
    await target?.memory.put(key, [content]);
    expect(await copy()).toEqual({ result: 'present', bytes: 5000 });
    expect(target?.store.count('put')).toBe(0);
  });

  it('leaves a good copy alone that was read badly once', async () => {
    await target?.memory.put(key, [content]);
    target?.faulty.on('get', key).flipsByteAt(3);
    expect((await copy()).result).toBe('present');
    expect(target?.store.count('put')).toBe(0);
  });

  it('sets a damaged copy aside before it writes', async () => {
    await target?.memory.put(key, [flipped]);
    const aside = quarantineKey(key, objectHashOf(flipped));
    expect(await copy()).toMatchObject({ result: 'copied', quarantined: aside });
    expect(await inTarget()).toEqual(new Uint8Array(content));
    expect(await inTarget(aside)).toEqual(new Uint8Array(flipped));
    const puts = target?.store.calls.filter(({ method }) => method === 'put');
    expect(puts?.map((call) => call.key)).toEqual([aside, key]);
    expect(target?.store.count('delete')).toBe(0);
  });

  it('writes nothing if the damaged copy cannot be set aside', async () => {
    await target?.memory.put(key, [flipped]);
    target?.faulty.on('put', /^quarantine/).fails(gone);
    await expect(copy()).rejects.toBe(gone);
    expect(await inTarget()).toEqual(new Uint8Array(flipped));
  });

  it('takes nothing that does not match its name, whoever gives it', async () => {
    good?.faulty.on('get', key).flipsByteAt(7).always();
    await other?.memory.put(key, [content.subarray(0, 100)]);
    await expect(copy()).rejects.toMatchObject({ kind: 'Corrupt', code: 'NO_GOOD_COPY' });
    expect(target?.store.count('put')).toBe(0);
  });

  it('never asks the target for a copy of its own', async () => {
    await target?.memory.put(key, [content]);
    await expect(copy([target!])).rejects.toMatchObject({ code: 'NO_GOOD_COPY' });
  });

  it('writes over nothing that it cannot read', async () => {
    await target?.memory.put(key, [content]);
    target?.faulty.on('get', key).fails(gone).always();
    await expect(copy()).rejects.toMatchObject({ code: 'TARGET_UNREADABLE' });
    expect(target?.store.count('put')).toBe(0);
  });

  it('does not write again what was only read back badly', async () => {
    target?.faulty.on('get', key).after(2).flipsByteAt(9);
    expect((await copy()).result).toBe('copied');
    expect(target?.store.count('put')).toBe(1);
  });

  it('reads back what it wrote, and writes it a second time', async () => {
    target?.faulty.on('get', key).after(2).flipsByteAt(9).times(2);
    expect((await copy()).result).toBe('copied');
    expect(target?.store.count('put')).toBe(2);
    expect(await inTarget()).toEqual(new Uint8Array(content));
  });

  it('says so if the mirror does not give back what was written', async () => {
    target?.faulty.on('get', key).after(2).readsOnly(10).always();
    await expect(copy()).rejects.toMatchObject({ code: 'COPY_WRITTEN_BADLY' });
  });
});
