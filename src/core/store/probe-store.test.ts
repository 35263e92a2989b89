import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keysOf } from '../../../test/contract/object-store.ts';
import { S3Double } from '../../../test/support/s3-double/s3-double.ts';
import { systemClock, systemRandom } from '../base/index.ts';
import { DirectoryStore } from './directory-store.ts';
import { FaultyStore } from './faulty-store.ts';
import { MemoryStore } from './memory-store.ts';
import type { ObjectStore } from './object-store.ts';
import { openStore } from './open-store.ts';
import { type ProbeQuestion, probeQuestions } from './probe-answer.ts';
import { probeStore } from './probe-store.ts';
import { ReadOnlyStore } from './read-only-store.ts';

const options = { clock: systemClock, random: systemRandom, speedBytes: 100_000 };

async function probed(store: ObjectStore): Promise<Map<ProbeQuestion, string>> {
  const answers = await probeStore(store, options);
  return new Map(answers.map(({ question, state, answer }) => [question, `${state}: ${answer}`]));
}

const basic = probeQuestions.slice(0, 6);

describe('what a place can do', () => {
  it('is found out by doing it, and nothing stays behind', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'versions-probe-'));
    try {
      const there = await DirectoryStore.open(join(directory, 'a'), { create: true });
      for (const store of [new MemoryStore(), there]) {
        await store.put('mirror', [Buffer.from('x')]);
        const answers = await probed(store);
        for (const question of basic) expect(answers.get(question)).toMatch(/^good: /);
        expect(answers.get('upload')).toMatch(/^fact: [\d.]+ MiB\/s, one call$/);
        expect(answers.has('conditional-put')).toBe(false);
        expect(await keysOf(store.list(''))).toEqual(['mirror']);
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('is nothing where nothing can be written', async () => {
    const answers = await probed(new ReadOnlyStore(new MemoryStore()));
    expect(answers.get('write')).toMatch(/^bad: .*STORE_READ_ONLY/);
    expect([...answers.keys()]).toEqual(['write']);
  });

  it('is not asked for any longer once it is stopped', async () => {
    const store = new FaultyStore(new MemoryStore());
    const stop = new AbortController();
    stop.abort();
    const stopped = probeStore(store, { ...options, signal: stop.signal });
    await expect(stopped).rejects.toMatchObject({ kind: 'Cancelled' });
  });
});

describe('what a bucket can do', () => {
  let double: S3Double;
  const opened: ObjectStore[] = [];
  beforeEach(async () => {
    double = await S3Double.start();
    double.bucket();
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
    await double[Symbol.asyncDispose]();
  });

  async function answersOf(more = ''): Promise<Map<ProbeQuestion, string>> {
    const credentials = { kind: 'keys', load: async () => double.account } as const;
    const store = await openStore(double.url('bucket', more), { credentials });
    opened.push(store);
    return probed(store);
  }

  it('is answered whole, and nothing stays behind', async () => {
    const answers = await answersOf();
    expect([...answers.keys()]).toEqual([...probeQuestions]);
    for (const question of [...basic, 'payload-hash', 'checksum', 'paging', 'clock'] as const) {
      expect(answers.get(question)).toMatch(/^good: /);
    }
    expect(answers.get('conditional-put')).toMatch(/^good: atomic/);
    expect(answers.get('versions')).toBe('fact: not kept');
    expect(double.bucket().list()).toEqual([]);
  });

  it.each([
    [
      'a list that lags behind',
      'list',
      /^bad: does not show/,
      (): unknown => double.bucket().freezeLists(true),
    ],
    [
      'ranges that are not known',
      'suffix-range',
      /^lacking/,
      (): unknown => double.on('GET', /suffix$/, { ignoresRange: true }),
    ],
    [
      'bytes that change',
      'ranges',
      /^bad: not so/,
      (): unknown => double.on('GET', /x-1$/, { flipAt: 3 }).after(1).always(),
    ],
    [
      'conditions that are refused',
      'conditional-put',
      /^lacking: refused/,
      (): unknown => double.on('PUT', /once$/, { status: 501, code: 'NotImplemented' }),
    ],
    [
      'no right to delete',
      'delete',
      /^lacking: not allowed/,
      (): unknown => double.on('DELETE', /(?:)/, { status: 403, code: 'AccessDenied' }).always(),
    ],
    ['another time', 'clock', /^fact: \d+ s ahead/, (): unknown => void (double.skewMs = -100_000)],
    [
      'no right to ask',
      'versions',
      /^fact: not known: No permission/,
      (): unknown =>
        double.on('GET', /^$/, { status: 403, code: 'AccessDenied' }).after(3).always(),
    ],
  ] as const)('%s', async (_, question, answer, prepare) => {
    prepare();
    expect((await answersOf()).get(question)).toMatch(answer);
  });

  it('includes whether it locks and keeps versions, when the URL asks for it', async () => {
    expect((await answersOf('&lock-days=1')).get('object-lock')).toMatch(/^bad: not enabled/);
    double.bucket('locked', { isVersioned: true });
    const credentials = { kind: 'keys', load: async () => double.account } as const;
    const store = await openStore(double.url('locked'), { credentials });
    opened.push(store);
    const answers = await probed(store);
    expect(answers.get('versions')).toBe('fact: kept');
    expect(answers.get('object-lock')).toBe('fact: enabled');
  });

  it('includes the class of storage that its URL asks for', async () => {
    expect((await answersOf('&storage-class=STANDARD_IA')).get('storage-class')).toBe(
      'good: STANDARD_IA',
    );
    double.on('PUT', /class$/, { status: 400, code: 'InvalidStorageClass' });
    expect((await answersOf('&storage-class=NONE')).get('storage-class')).toMatch(/^bad: NONE/);
  });
});
