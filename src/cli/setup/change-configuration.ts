import { type ConfigEdit, editRepository, VersionsError } from '../../core/index.ts';
import type { Session } from '../session.ts';
import { parseOptionsOf, readConfigText } from './configuration.ts';
import { replaceFile } from './durable-files.ts';
import { lockConfiguration } from './lock.ts';

/**
 * Changes the section of a repository in the user's configuration file, as it is now: another
 * command may have changed it meanwhile. After a crash there is the old file or the new one.
 */
export async function changeConfiguration(
  session: Session,
  repository: string,
  edits: readonly ConfigEdit[],
): Promise<void> {
  if (edits.length === 0) return;
  const { file } = session.configuration;
  using _lock = await lockConfiguration(file);
  await replaceFile(file, await editedText(session, repository, edits));
}

/** Throws if the file could not be changed so; to be asked before anything else is. */
export async function checkConfigurationChange(
  session: Session,
  repository: string,
  edits: readonly ConfigEdit[],
): Promise<void> {
  if (edits.length > 0) await editedText(session, repository, edits);
}

async function editedText(
  session: Session,
  repository: string,
  edits: readonly ConfigEdit[],
): Promise<string> {
  const { file } = session.configuration;
  const text = await readConfigText(file);
  if (text === undefined) {
    throw new VersionsError('Usage', 'CONFIG_UNREADABLE', `Configuration ${file} is not there`, {
      hint: `The section of ${repository} is in another file; change it there`,
      context: { file },
    });
  }
  const options = parseOptionsOf(file, session.io.home);
  return edits.reduce((before, edit) => editRepository(before, repository, edit, options), text);
}
