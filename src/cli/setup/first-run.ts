import { isVersionsError } from '../../core/index.ts';
import type { Session } from '../session.ts';
import {
  createRepository,
  generateKey,
  givenSecret,
  type NewRepository,
  type NewSecret,
  takeUpRepository,
} from './new-repository.ts';
import { defaultMirror } from './places.ts';

const firstName = 'default';

/**
 * Makes the repository of somebody who just wants a backup: one mirror in the data directory, a key
 * file beside the configuration, no question asked. A first run that was cut short is gone on with.
 */
export async function createDefaultRepository(session: Session): Promise<void> {
  const { io, output } = session;
  const url = defaultMirror(firstName, io);
  const plan = { name: firstName, mirrors: [{ name: 'local', url }] };
  const made = await createOrTakeUp(session, plan);
  output.note(`No repository was configured, so one was made: ${firstName}, in ${url}`);
  output.note(`The configuration is ${session.configuration.file}`);
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

async function createOrTakeUp(session: Session, plan: NewRepository): Promise<NewSecret> {
  const makeSecret = async (): Promise<NewSecret> =>
    (await givenSecret(session)) ?? (await generateKey(session, plan.name));
  try {
    return await createRepository(session, plan, makeSecret);
  } catch (error) {
    // Killed between making the repository and writing the configuration; or two first runs at once.
    if (!isVersionsError(error, 'Conflict', 'Usage')) throw error;
    const made = await makeSecret();
    try {
      await takeUpRepository(session, plan, made);
    } catch {
      // Somebody else's, or not to be opened with this key: the refusal says more.
      throw error;
    }
    return made;
  }
}
