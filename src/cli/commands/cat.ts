import { readFile, VersionsError } from '../../core/index.ts';
import { selectSnapshot } from '../select-snapshot.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading } from '../setup/open-session.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { output, signal } = session;
  const [operand = ''] = session.operands;
  await using opened = await openForReading(session);
  const { snapshot, path } = await selectSnapshot(session, opened.repository, operand);
  if (path === undefined) {
    throw new VersionsError('Usage', 'NO_FILE_NAMED', `${JSON.stringify(operand)} names no file`, {
      hint: `name one after a colon: versions cat ${operand}:/path/of/the/file`,
    });
  }
  let bytes = 0;
  for await (const part of readFile(opened.repository, snapshot, path, { signal })) {
    await output.data(part);
    if (output.isAbandoned) break;
    bytes += part.byteLength;
  }
  return { exitCode: 0, summary: { snapshotId: snapshot.id, bytes } };
}
