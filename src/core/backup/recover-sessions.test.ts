import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import {
  createTestRepository,
  type TestRepository,
} from '../../../test/support/test-repository.ts';
import { systemClock } from '../base/index.ts';
import { FileJournal } from '../journal/index.ts';
import { openLocalState } from './open-local-state.ts';
import { recoverSessions } from './recover-sessions.ts';

const session = '00112233445566778899aabbccddeeff';
/** By this clock everything that was made now is years old. */
const clock = new FakeClock({ now: systemClock.now() + 3e11 });

let repository: TestRepository;
beforeEach(async () => {
  repository = await createTestRepository({});
});
afterEach(() => repository[Symbol.dispose]());

/** Recovers while `during` holds, and gives whether the directory is left. */
async function recover(during: (directory: string) => Promise<void>): Promise<boolean> {
  const { summary } = await repository.use(
    false,
    async (opened) => {
      const directory = join(opened.sessionsDirectory, session);
      mkdirSync(directory, { recursive: true });
      await opened.loadIndex();
      using state = await openLocalState(opened);
      const holding = during(directory);
      await recoverSessions(opened, state);
      await holding;
      return existsSync(directory);
    },
    { clock },
  );
  return summary;
}

it('leaves the directory of a process that begins, whatever the clock says', async () => {
  const isLeft = await recover(async (directory) => {
    // The lock is taken at once, and the log is not there yet.
    const log = await FileJournal.open(join(directory, 'packs.log'));
    await log[Symbol.asyncDispose]();
  });
  expect(isLeft).toBe(true);
});

it('removes the directory of one that died before it had a log', async () => {
  expect(await recover(async () => {})).toBe(false);
});
