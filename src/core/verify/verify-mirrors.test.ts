import { beforeEach, describe, expect, it } from 'vitest';
import { createTestMirror, type TestMirror } from '../../../test/support/test-mirrors.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import type { ObjectHash } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { objectHashOf } from '../format/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { sortedByKey, type ExpectedObject } from './expected-objects.ts';
import {
  verifyMirrors,
  type VerifyLevel,
  type VerifyMirrorsOptions,
  type VerifyMirrorsResult,
} from './verify-mirrors.ts';

const keyOf = (prefix: string, content: Uint8Array): string => {
  const hash = objectHashOf(content);
  return prefix === 'packs' ? `packs/${hash.slice(0, 2)}/${hash}` : `${prefix}/${hash}`;
};
const contents = new Map<string, Buffer>();
for (let number = 0; number < 12; number++) {
  const content = seededBytes(number, 1000 + number);
  contents.set(keyOf(['packs', 'keys', 'payloads'][number % 3] ?? '', content), content);
}
const config = Buffer.from('the config '.repeat(10));
contents.set('config', config);
const keys = [...contents.keys()].toSorted();
const packs = keys.filter((key) => key.startsWith('packs/'));
const expected: readonly ExpectedObject[] = sortedByKey([
  { key: 'mirror', bytes: undefined, hash: undefined },
  ...[...contents].map(([key, content]) =>
    key === 'config'
      ? { key, bytes: undefined, hash: undefined }
      : {
          key,
          bytes: key.startsWith('packs/') ? content.byteLength : undefined,
          hash: key.slice(key.lastIndexOf('/') + 1) as ObjectHash,
        },
  ),
]);

let mirrors: TestMirror[];
let monitor: CollectingMonitor;
beforeEach(async () => {
  monitor = new CollectingMonitor();
  mirrors = await Promise.all([1, 2, 3].map((number) => createTestMirror(number)));
  for (const { memory } of mirrors)
    for (const [key, content] of contents) await memory.put(key, [content]);
});

function verify(
  level: VerifyLevel,
  more: Partial<VerifyMirrorsOptions> = {},
): Promise<VerifyMirrorsResult> {
  return verifyMirrors(mirrors, expected, {
    level,
    judge: async (key, bytes) => {
      if (key === 'config') return Buffer.from(bytes).equals(config) ? undefined : 'It is damaged';
      if (key === 'mirror' || key.endsWith(objectHashOf(bytes))) return undefined;
      return 'It has another hash';
    },
    monitor,
    ...more,
  });
}

/** `mirror kind key healable` each. */
const shown = ({ findings }: VerifyMirrorsResult): string[] =>
  findings.map(
    ({ mirror, kind, object, healable }) =>
      `${mirror} ${kind} ${object} ${healable ? 'healable' : 'not healable'}`,
  );

async function replace(mirror: number, key: string, content: Uint8Array): Promise<void> {
  const memory = mirrors[mirror]?.memory;
  await memory?.delete(key);
  await memory?.put(key, [content]);
}

const pack = packs[1] ?? '';
const content = contents.get(pack) ?? Buffer.alloc(0);
const flipped = Buffer.from(content);
flipped[500] = (flipped[500] ?? 0) ^ 4;

describe('verifyMirrors', () => {
  it.each(['quick', 'structure', 'data'] as const)(
    'finds nothing in good mirrors: %s',
    async (level) => {
      const result = await verify(level);
      expect(result.findings).toEqual([]);
      expect(result.lost).toEqual([]);
      expect(result.objects).toBe(3 * (contents.size + 1));
      for (const { store } of mirrors) {
        expect(store.count('list')).toBe(1);
        expect(store.count('put') + store.count('delete')).toBe(0);
        const reads = store.calls.filter(({ method }) => method === 'get').map(({ key }) => key);
        const wanted = {
          quick: [],
          structure: [...keys, 'mirror'].filter((key) => !key.startsWith('packs/')),
          data: [...keys, 'mirror'],
        }[level];
        expect(new Set(reads)).toEqual(new Set(wanted));
      }
    },
  );

  it('finds what is missing, at every level', async () => {
    await mirrors[1]?.memory.delete(pack);
    await mirrors[1]?.memory.delete(keys.at(-1) ?? '');
    await mirrors[1]?.memory.delete(keys[0] ?? '');
    for (const level of ['quick', 'structure', 'data'] as const) {
      const missing = [keys[0], pack, keys.at(-1)].map((key) => `m2 missing ${key} healable`);
      expect(shown(await verify(level)).toSorted()).toEqual(missing.toSorted());
    }
  });

  it('finds what has the wrong length, at every level', async () => {
    await replace(0, pack, content.subarray(0, 600));
    await replace(
      2,
      packs[2] ?? '',
      Buffer.concat([contents.get(packs[2] ?? '')!, Buffer.alloc(1)]),
    );
    for (const level of ['quick', 'structure', 'data'] as const)
      expect(shown(await verify(level))).toEqual([
        `m1 truncated ${pack} healable`,
        `m3 corrupt ${packs[2]} healable`,
      ]);
  });

  it('finds a flipped bit in a pack by reading it, and says that the rest did not look', async () => {
    await replace(2, pack, flipped);
    expect(shown(await verify('quick'))).toEqual([]);
    expect(shown(await verify('structure'))).toEqual([]);
    expect(shown(await verify('data'))).toEqual([`m3 corrupt ${pack} healable`]);
    expect(monitor.findings).toHaveLength(1);
  });

  it('finds a flipped bit in a small object at level structure', async () => {
    const key = keys.find((each) => each.startsWith('payloads/')) ?? '';
    await replace(0, key, seededBytes('other', 1001));
    await replace(1, 'config', Buffer.from('the conf1g '.repeat(10)));
    expect(shown(await verify('structure')).toSorted()).toEqual(
      ['m2 corrupt config healable', `m1 corrupt ${key} healable`].toSorted(),
    );
  });

  it('tells what is healable from what is lost', async () => {
    await mirrors[0]?.memory.delete(pack);
    await replace(1, pack, flipped);
    await replace(2, pack, content.subarray(0, 10));
    await mirrors[0]?.memory.delete(packs[0] ?? '');
    const result = await verify('data');
    expect(result.lost).toEqual([pack]);
    expect(shown(result).toSorted()).toEqual(
      [
        `m1 missing ${packs[0]} healable`,
        `m1 missing ${pack} not healable`,
        `m2 corrupt ${pack} not healable`,
        `m3 truncated ${pack} not healable`,
      ].toSorted(),
    );
  });

  it('finds what nothing names, and leaves alone what is not ours', async () => {
    await mirrors[0]?.memory.put('packs/ff/left-over', [Buffer.from('x')]);
    await mirrors[0]?.memory.put('aaa/somebody-else', [Buffer.from('x')]);
    await mirrors[0]?.memory.put('readme.txt', [Buffer.from('x')]);
    await mirrors[1]?.memory.put('checkpoints/zz', [Buffer.from('x')]);
    const result = await verify('data');
    expect(shown(result)).toEqual([
      'm1 extra packs/ff/left-over healable',
      'm2 extra checkpoints/zz healable',
    ]);
    expect(result.lost).toEqual([]);
  });

  it('looks a second time before it calls a copy bad', async () => {
    mirrors[0]?.faulty.on('get', pack).flipsByteAt(77);
    mirrors[1]?.faulty
      .on('get', packs[2] ?? '')
      .fails(new VersionsError('Unavailable', 'GONE', 'It is gone'));
    expect(shown(await verify('data'))).toEqual([]);
    mirrors[0]?.faulty.on('get', pack).flipsByteAt(77).times(2);
    expect(shown(await verify('data'))).toEqual([`m1 corrupt ${pack} healable`]);
  });

  it.each([
    ['unreadable', new VersionsError('Unavailable', 'TIMEOUT', 'It does not answer')],
    ['unreadable', new VersionsError('Denied', 'FORBIDDEN', 'It is forbidden')],
    ['missing', new VersionsError('NotFound', 'OBJECT_NOT_FOUND', 'It is not there')],
    ['corrupt', new VersionsError('Corrupt', 'DISK', 'The disk says no')],
    ['unreadable', new Error('something else')],
  ])('tells what cannot be read as %s', async (kind, error) => {
    mirrors[1]?.faulty.on('get', pack).fails(error).always();
    const result = await verify('data');
    expect(shown(result)).toEqual([`m2 ${kind} ${pack} healable`]);
    expect(result.findings[0]?.detail).toBe(error.message);
  });

  it('goes on with the others if a mirror cannot be listed, and believes nothing of it', async () => {
    mirrors[0]?.faulty
      .on('list')
      .fails(new VersionsError('Unavailable', 'TIMEOUT', 'It does not answer'))
      .afterObjects(3);
    await mirrors[1]?.memory.delete(pack);
    await mirrors[2]?.memory.delete(pack);
    await mirrors[2]?.memory.delete(packs[0] ?? '');
    const result = await verify('data');
    expect(shown(result).toSorted()).toEqual(
      [
        'm1 unreadable  not healable',
        `m2 missing ${pack} not healable`,
        `m3 missing ${pack} not healable`,
        `m3 missing ${packs[0]} healable`,
      ].toSorted(),
    );
    expect(result.lost).toEqual([pack]);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const reason = new VersionsError('Cancelled', 'CANCELLED', 'Stopped by the user');
    const judge = async (): Promise<undefined> => {
      controller.abort(reason);
      return undefined;
    };
    await expect(verify('data', { judge, signal: controller.signal })).rejects.toBe(reason);
    expect(monitor.findings).toEqual([]);
  });

  it('does not hide a fault of its own', async () => {
    const judge = async (): Promise<never> => {
      throw new VersionsError('Internal', 'WORKER_FAILED', 'A worker thread failed');
    };
    await expect(verify('data', { judge })).rejects.toMatchObject({ code: 'WORKER_FAILED' });
  });
});
