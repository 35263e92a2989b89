import { chmodSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  createTestRepository,
  type TestRepository,
} from '../../../test/support/test-repository.ts';

// What a restore leaves that was killed: files under their own names, which are not complete.

const large = seededBytes('large', 600_000);
const contents: ReadonlyMap<string, Buffer> = new Map([
  ['large', large],
  ['small', Buffer.from('of no chunk')],
  ['whole', seededBytes('whole', 5000)],
]);
const longAgo = 1_000_000_000;
let repository: TestRepository;
let source: string;
beforeAll(async () => {
  repository = await createTestRepository();
  source = repository.path('source');
  mkdirSync(source);
  for (const [name, content] of contents) {
    writeFileSync(join(source, name), content, { mode: 0o644 });
    utimesSync(join(source, name), longAgo, longAgo);
  }
  await repository.backup(source);
});
afterAll(() => repository[Symbol.dispose]());

function plant(target: string, name: string, content: Uint8Array, mode: number): string {
  const path = join(target, source, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe.runIf(process.platform === 'linux')(
  'a file that a killed restore did not complete',
  () => {
    it.each(['if-changed', 'if-newer', 'never', 'always'] as const)(
      'is completed with --overwrite %s',
      async (overwrite) => {
        const target = repository.path(`target-${overwrite}`);
        // It was begun here.
        await repository.restore(target, { include: ['nothing'] });
        // A hole where a part is missing, a part at the end, nothing at all; and all of it.
        const torn = Buffer.from(large.subarray(0, 500_000)).fill(0, 100_000, 300_000);
        plant(target, 'large', torn, 0o1600);
        plant(target, 'small', new Uint8Array(0), 0o1600);
        const whole = plant(target, 'whole', contents.get('whole') ?? large, 0o1600);
        utimesSync(whole, longAgo, longAgo);
        const { problems, summary } = await repository.restore(target, { overwrite });
        expect(problems).toEqual([]);
        expect(summary.filesRestored + summary.filesUnchanged).toBe(3);
        for (const [name, content] of contents) {
          const path = join(target, source, name);
          expect(readFileSync(path).equals(content)).toBe(true);
          expect(statSync(path)).toMatchObject({ mode: 0o100644, mtimeMs: longAgo * 1000 });
        }
      },
    );

    it.each([0o600, 0o1600])('is not taken for what somebody else put there (%o)', async (mode) => {
      const target = repository.path(`target-kept-${mode}`);
      const path = plant(target, 'large', Buffer.from('mine'), mode);
      const { summary } = await repository.restore(target, { overwrite: 'never' });
      expect(summary).toMatchObject({ filesRestored: 2, filesUnchanged: 1 });
      expect(readFileSync(path, 'latin1')).toBe('mine');
    });
  },
);
