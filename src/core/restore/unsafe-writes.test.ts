import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  createTestRepository,
  type TestRepository,
} from '../../../test/support/test-repository.ts';
import { byteStringFromText } from '../base/index.ts';
import { UnsafeWrites, wholeScope } from './unsafe-writes.ts';

// What a power cut leaves of a restore: files with size, time and mode as they should be, whose
// contents never came to the disk.

const longAgo = 1_000_000_000;
const contents: ReadonlyMap<string, Buffer> = new Map([
  ['large', seededBytes('large', 600_000)],
  ['tiny', Buffer.from('of no chunk')],
]);
let repository: TestRepository;
let source: string;
let number = 0;
let target: string;
beforeAll(async () => {
  repository = await createTestRepository();
  source = repository.path('source');
  mkdirSync(source);
  for (const [name, content] of contents) {
    writeFileSync(join(source, name), content);
    utimesSync(join(source, name), longAgo, longAgo);
  }
  await repository.backup(source);
});
beforeEach(() => void (target = repository.path(`target-${(number += 1)}`)));
afterAll(() => repository[Symbol.dispose]());

const at = (name: string): string => join(target, source, name);

/** Zeros instead of content, and nothing else tells. */
function tear(...names: readonly string[]): void {
  for (const name of names) {
    writeFileSync(at(name), readFileSync(at(name)).fill(0));
    utimesSync(at(name), longAgo, longAgo);
  }
}

const torn = (): string[] =>
  [...contents]
    .filter(([name, bytes]) => !readFileSync(at(name)).equals(bytes))
    .map(([name]) => name);

const all = [...contents.keys()];

describe('a restore after a power cut', () => {
  it.each(['if-changed', 'if-newer'] as const)(
    'with --overwrite %s compares what the one before wrote',
    async (overwrite) => {
      await repository.restore(target, { boot: 'one' });
      tear(...all);
      const { problems } = await repository.restore(target, { overwrite, boot: 'two' });
      expect({ problems, torn: torn() }).toEqual({ problems: [], torn: [] });
    },
  );

  it('does so also where nobody can tell when the machine was started', async () => {
    await repository.restore(target, { boot: '' });
    tear(...all);
    await repository.restore(target, { boot: '' });
    expect(torn()).toEqual([]);
  });

  it('does so until everything was gone through, and then no more', async () => {
    await repository.restore(target, { boot: 'one' });
    tear(...all);
    // A part says nothing of the rest, and neither does a run that only looks.
    await repository.restore(target, { boot: 'two', include: ['tiny'] });
    expect(torn()).toEqual(['large']);
    await repository.restore(target, { boot: 'two', dryRun: true });
    const { summary } = await repository.restore(target, { boot: 'two' });
    expect(torn()).toEqual([]);
    expect(summary).toMatchObject({ bytesWritten: 600_000 + 11 });
    tear(...all);
    // The same start of the machine: what it wrote is there, or nothing is to be trusted any more.
    const again = await repository.restore(target, { boot: 'two' });
    expect(again.summary).toMatchObject({ bytesWritten: 0, filesUnchanged: 2 });
  });

  it('does so once more where something could not be made good', async () => {
    await repository.restore(target, { boot: 'one' });
    tear(...all);
    const mirror = repository.mirror();
    renameSync(join(mirror, 'packs'), join(mirror, 'away'));
    const failed = await repository.restore(target, { boot: 'two' });
    expect(failed.problems).not.toEqual([]);
    renameSync(join(mirror, 'away'), join(mirror, 'packs'));
    await repository.restore(target, { boot: 'two' });
    expect(torn()).toEqual([]);
  });

  it('leaves alone what is never to be touched', async () => {
    await repository.restore(target, { boot: 'one' });
    tear(...all);
    await repository.restore(target, { boot: 'two', overwrite: 'never' });
    expect(torn()).toEqual(all);
  });

  it('doubts nothing that was written long before the first restore, or elsewhere', () => {
    const cacheDir = repository.path('notes');
    mkdirSync(cacheDir);
    const now = 1_700_000_000;
    const writes = (boot: string, to = target, when = now): UnsafeWrites =>
      new UnsafeWrites({
        cacheDir,
        target: byteStringFromText(to),
        scope: wholeScope,
        boot,
        now: when,
      });
    const written = { ctimeSeconds: now + 5 };
    expect(writes('one').mayBeTorn(written)).toBe(false);
    writes('one').begin();
    expect(writes('one').mayBeTorn(written)).toBe(false);
    expect(writes('two').mayBeTorn(written)).toBe(true);
    expect(writes('two').mayBeTorn({ ctimeSeconds: now - 2 * 86_400 })).toBe(false);
    expect(writes('two', `${target}-other`).mayBeTorn(written)).toBe(false);
    // Killed before its end, it has changed nothing of that.
    writes('two').begin();
    expect(writes('two').mayBeTorn(written)).toBe(true);
    writes('two', target, now + 10 * 86_400).end();
    expect(writes('three').mayBeTorn(written)).toBe(false);
    expect(writes('three').mayBeTorn({ ctimeSeconds: now + 10 * 86_400 })).toBe(true);
    // What is no note says nothing.
    for (const name of readdirSync(cacheDir)) writeFileSync(join(cacheDir, name), '{"since": "x"}');
    expect(writes('four').mayBeTorn(written)).toBe(false);
  });
});
