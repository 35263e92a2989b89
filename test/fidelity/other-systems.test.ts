import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { System } from '../../src/core/index.ts';
import { createTestRepository, type TestRepository } from '../support/test-repository.ts';

const good = ['fine', 'sub/fine', 'ünïcode', 'CONSOLE'];
const badOnWindows = [
  'CON',
  'a:b',
  'C:x',
  '..\\x',
  'dot.',
  'space ',
  'sub/NUL',
  'sub/lpt1.txt',
  'what?',
  'new\nline',
];
let repository: TestRepository;
let source: string;

beforeAll(async () => {
  repository = await createTestRepository();
  source = repository.path('source');
  mkdirSync(join(source, 'sub'), { recursive: true });
  mkdirSync(join(source, 'aux'));
  writeFileSync(join(source, 'aux', 'below'), 'below');
  for (const name of [...good, ...badOnWindows]) writeFileSync(join(source, name), `is ${name}`);
  symlinkSync('fine', join(source, 'nul.link'));
  writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff])]), 'no text');
  await repository.backup(source);
});

afterAll(() => {
  rmSync(source, { recursive: true, force: true });
  repository[Symbol.dispose]();
});

interface Restored {
  readonly refused: readonly unknown[];
  readonly codes: ReadonlySet<string>;
  /** Paths and contents of all files that were made. */
  readonly files: Readonly<Record<string, string>>;
}

async function restoreOn(system: System, times = 1): Promise<Restored> {
  const target = mkdtempSync(join(tmpdir(), 'versions-test-'));
  try {
    let reported = await repository.restore(target, { system });
    for (let time = 1; time < times; time++)
      reported = await repository.restore(target, { system });
    const root = join(target, source);
    const made = readdirSync(root, { recursive: true, withFileTypes: true });
    // One name is no text, and cannot be read by what it is shown as.
    const files = made.filter((entry) => entry.isFile() && !entry.name.includes('\ufffd'));
    const shown = `${root}/`;
    return {
      refused: reported.monitor.problems.map(({ message }) =>
        message.replace(shown, '').replace(/ was not restored: .*/s, ''),
      ),
      codes: new Set(reported.problems),
      files: Object.fromEntries(
        files.map(({ parentPath, name }) => {
          const path = join(parentPath, name);
          return [path.slice(shown.length), readFileSync(path, 'utf8')];
        }),
      ),
    };
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

const contents = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, `is ${name}`]));
const shownOf = (name: string): string => name.replace('\n', '\\n');

describe('a restore on a system that cannot hold all names', () => {
  it.each([1, 2])('names each on Windows, and makes the others (%i times)', async (times) => {
    const { refused, codes, files } = await restoreOn('win32', times);
    expect([...codes]).toEqual(['TARGET_NAME_NOT_HELD']);
    expect(new Set(refused)).toEqual(
      new Set([...badOnWindows.map(shownOf), 'aux', 'nul.link', '\\xff']),
    );
    expect(files).toEqual(contents(good));
  });

  it('names what is not UTF-8 on macOS, and makes the others', async () => {
    const { refused, codes, files } = await restoreOn('darwin');
    expect([refused, [...codes]]).toEqual([['\\xff'], ['TARGET_NAME_NOT_HELD']]);
    expect(files).toEqual({ ...contents([...good, ...badOnWindows]), 'aux/below': 'below' });
  });

  it('refuses none on Linux', async () => {
    expect((await restoreOn('linux')).refused).toEqual([]);
  });
});
