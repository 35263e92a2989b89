import { dirname, join } from 'node:path';
import { makeDirectories, VersionsError } from '../../core/index.ts';

const waitMs = 60_000;

/**
 * Keeps other commands from changing the same configuration until it is disposed of.
 *
 * The lock is one of SQLite on a file that stays empty: the operating system takes it away when the
 * process ends, however that happens, so that no stale one is ever left behind.
 */
export async function lockConfiguration(configFile: string): Promise<Disposable> {
  const path = join(dirname(configFile), '.lock');
  await makeDirectories(dirname(path));
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(path, { timeout: waitMs });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw new VersionsError(
      'Conflict',
      'CONFIG_LOCKED',
      `Another command has been changing the configuration ${configFile} for a minute`,
      { hint: 'try again when it has ended', cause: error },
    );
  }
  return { [Symbol.dispose]: () => database.close() };
}
