import { addKeyFile, encodeKeyFile } from '../../core/index.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading, openForWriting } from '../setup/open-session.ts';
import { secretOf } from '../setup/secret.ts';

/** Prints the key that opens the repository; a repository with a password gets a key for it. */
export async function run(session: Session): Promise<CommandResult> {
  const { io, mayAsk, output, settings } = session;
  const name = session.isPlace ? 'this mirror' : session.configuredRepository().name;
  const secret = await secretOf(settings, io, { name, mayAsk });
  if (secret.kind === 'key') {
    // What is printed must open the repository: a key that no longer does would be found too late.
    await using _opened = await openForReading(session);
    await printKey(session, encodeKeyFile(secret.key));
    return { exitCode: 0, summary: { added: false } };
  }
  await using opened = await openForWriting(session);
  const { keyText } = await addKeyFile(opened.repository, session.signal);
  await printKey(session, keyText);
  output.note('This is a new key beside the password; either opens the repository.');
  return { exitCode: 0, summary: { added: true } };
}

async function printKey({ output }: Session, text: string): Promise<void> {
  await output.data(Buffer.from(text.endsWith('\n') ? text : `${text}\n`));
  output.note(
    'Keep this somewhere safe, on paper or another disk, not beside the mirrors: whoever has it can read everything.',
  );
}
