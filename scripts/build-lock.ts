import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('../node_modules/.cache/versions-build.lock', import.meta.url));
const waitMsMax = 10 * 60_000;

/**
 * Does something while no other process of this checkout does it: two runs of the tests that begin
 * at once both find that `dist/` is out of date. The lock is one of SQLite's, which the system takes
 * from whoever dies. It is not for a second one inside the first.
 */
export async function withBuildLock<T>(action: () => Promise<T>, lock: string = file): Promise<T> {
  mkdirSync(dirname(lock), { recursive: true });
  const database = new DatabaseSync(lock, { timeout: waitMsMax });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return await action();
  } finally {
    database.close();
  }
}
