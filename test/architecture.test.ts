import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  exceptions,
  findCycles,
  findViolations,
  foundation,
  rooms,
} from './support/architecture.ts';
import { listFiles, readFiles } from './support/source-files.ts';

const program = readFiles(listFiles('src').filter((path) => path.endsWith('.ts')));

describe('the program', () => {
  it('keeps to the room table', () => {
    expect(findViolations(program)).toEqual([]);
  });

  it('has no exception for a file that is gone', () => {
    expect(exceptions.filter(({ path }) => program.length > 0 && !existsSync(path))).toEqual([]);
  });
});

describe('the room table', () => {
  it('names only rooms that it has', () => {
    const named = [...Object.values(rooms).flat(), ...foundation];
    expect(named.filter((room) => !Object.hasOwn(rooms, room))).toEqual([]);
  });

  it('allows no cycle above the foundation', () => {
    const graph = new Map(Object.entries(rooms).map(([room, may]) => [room, new Set(may)]));
    expect(findCycles(graph)).toEqual([]);
  });

  it('keeps keys away from what verifies and heals', () => {
    const reach = (room: string): string[] => (rooms[room] ?? []).flatMap((r) => [r, ...reach(r)]);
    expect([...reach('verify'), ...reach('heal')]).not.toContain('crypto');
  });
});

describe('a violation is found', () => {
  const find = (path: string, text: string): string[] => findViolations([{ path, text }]);

  it.each([
    ['src/core/verify/a.ts', "import { x } from '../crypto/index.ts';"],
    ['src/core/verify/a.ts', "import type {\n  X,\n} from '../crypto/index.ts';"],
    ['src/core/store/a.ts', "export * from '../mirror/index.ts';"],
    ['src/core/store/a.ts', "const x = await import('../mirror/index.ts');"],
    ['src/core/store/a.ts', "new Worker(new URL('../workers/index.ts', import.meta.url));"],
    ['src/core/mirror/a.ts', "import { x } from '../store/memory-store.ts';"],
    ['src/core/mirror/b/a.ts', "import { x } from '../../format/index.ts';"],
    ['src/core/config/a.ts', "import { x } from '../files/index.ts';"],
    ['src/core/backup/a.ts', "import { x } from '../restore/index.ts';"],
    ['src/core/backup/a.ts', "import { x } from '../index.ts';"],
    ['src/core/backup/a.ts', "import { x } from '../../cli/main.ts';"],
    ['src/core/backup/a.ts', "import { x } from '../../../test/support/x.ts';"],
    ['src/core/attic/a.ts', 'export const x = 1;'],
    ['src/cli/main.ts', "import { x } from '../core/backup/index.ts';"],
    ['src/cli/commands/a.ts', "import { x } from '../../lambdas/a.ts';"],
    ['src/lambdas/healer/handler.ts', "import { x } from '../../cli/main.ts';"],
  ])('import: %s %s', (path, text) => {
    expect(find(path, text)).toHaveLength(1);
  });

  it.each([
    'const at = Date.now();',
    'const at = new Date();',
    'const at = `${new Date}`;',
    'const x = Math.random();',
    "import { randomBytes } from 'node:crypto';",
    "const home = process.env['HOME'];",
    "import process from 'node:process';",
    "console.log('x');",
    'setTimeout(run, 10);',
    "import { setTimeout as sleep } from 'node:timers/promises';",
  ])('direct use: %s', (text) => {
    expect(find('src/core/backup/a.ts', `export const x = 1;\n${text}`)).not.toEqual([]);
  });

  it('rooms in a cycle', () => {
    const files = [
      { path: 'src/core/base/a.ts', text: "import { x } from '../errors/index.ts';" },
      { path: 'src/core/errors/a.ts', text: "import { x } from '../base/index.ts';" },
    ];
    expect(findViolations(files)).toEqual(['rooms in a cycle: base → errors → base']);
  });

  it('and what is allowed is not', () => {
    const files = [
      ['src/core/index.ts', "export * from './backup/index.ts';"],
      [
        'src/core/backup/a.ts',
        "import { x } from '../workers/index.ts';\n// new Date() is not used",
      ],
      ['src/core/backup/b.ts', "import { y } from './a.ts';\nconst at = new Date(clock.now());"],
      ['src/core/backup/b.test.ts', "import { y } from '../store/memory-store.ts';\nDate.now();"],
      ['src/core/store/a.ts', "import { x } from '../base/index.ts';\nconst hint = 'see console';"],
      ['src/cli/main.ts', "import { x } from '../core/index.ts';\nconsole.log(Date.now());"],
      ['src/cli/version.ts', "const url = new URL('../../package.json', import.meta.url);"],
    ].map(([path = '', text = '']) => ({ path, text }));
    expect(findViolations(files)).toEqual([]);
  });
});
