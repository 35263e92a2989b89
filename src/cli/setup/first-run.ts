import { opendir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isVersionsError, systemErrorCode } from '../../core/index.ts';
import type { Session } from '../session.ts';
import { readConfigText } from './configuration.ts';
import { locationsOf } from './locations.ts';
import { lockConfiguration } from './lock.ts';
import {
  adoptRepository,
  createRepository,
  generateKey,
  givenSecret,
  type NewRepository,
  type NewSecret,
} from './new-repository.ts';
import { defaultMirror } from './places.ts';

const firstName = 'default';

/**
 * Makes the repository of somebody who just wants a backup: one mirror in the data directory, a key
 * file beside the configuration, no question asked.
 *
 * Several first runs at once make one. A first run that was killed is gone on with: what it made is
 * adopted if it is whole, and set aside if it is not; then there can be nothing in it yet.
 */
export async function createDefaultRepository(session: Session): Promise<void> {
  const { configuration, io, output } = session;
  using _lock = await lockConfiguration(join(locationsOf(io).data, 'first-run'));
  // Another first run may have made it while this one waited.
  if ((await readConfigText(configuration.file)) !== undefined) {
    const { names } = (await session.reload()).configuration;
    if (names.length > 0) return;
  }
  const url = defaultMirror(firstName, io);
  await setUnfinishedAside(session, url);
  const plan = { name: firstName, mirrors: [{ name: 'local', url }] };
  const made = await createOrAdopt(session, plan);
  output.note(`No repository was configured, so one was made: ${firstName}, in ${url}`);
  output.note(`The configuration is ${configuration.file}`);
  noteSecret(session, made);
}

/** Says what the user has to keep. */
export function noteSecret({ output }: Session, { keyFile, secret }: NewSecret): void {
  if (keyFile !== undefined) {
    output.note(
      `The key is ${keyFile.path}\nKeep a copy of it somewhere safe, on paper or another disk: without it nothing can be restored.`,
    );
  } else if (secret.kind === 'password') {
    output.note('Keep the password somewhere safe: without it nothing can be restored.');
  }
}

async function createOrAdopt(session: Session, plan: NewRepository): Promise<NewSecret> {
  const makeSecret = async (): Promise<NewSecret> =>
    (await givenSecret(session)) ?? (await generateKey(session, plan.name));
  try {
    return await createRepository(session, plan, makeSecret);
  } catch (error) {
    if (!isVersionsError(error, 'Conflict')) throw error;
    const made = await makeSecret();
    try {
      await adoptRepository(session, plan, made);
    } catch {
      // Somebody else's, or not to be opened with this key: the refusal says more.
      throw error;
    }
    return made;
  }
}

/**
 * Renames what an unfinished first run left. Without a journal entry and a pack in its mirror it
 * never came to hold anything.
 */
async function setUnfinishedAside({ io, output }: Session, mirror: string): Promise<void> {
  const directory = join(locationsOf(io).data, firstName);
  if (!(await exists(directory))) return;
  for (const part of ['journal', 'packs']) if (await hasFiles(join(mirror, part))) return;
  const aside = `${directory}.unfinished-${io.now()}`;
  await rename(directory, aside);
  output.note(`What an unfinished first run left was moved to ${aside}`);
}

async function exists(directory: string): Promise<boolean> {
  try {
    await (await opendir(directory)).close();
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function hasFiles(directory: string): Promise<boolean> {
  try {
    for await (const entry of await opendir(directory, { recursive: true })) {
      if (!entry.isDirectory() && !entry.name.startsWith('.tmp-')) return true;
    }
    return false;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
