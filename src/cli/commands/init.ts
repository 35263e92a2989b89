import { type MirrorConfig, type Secret, VersionsError } from '../../core/index.ts';
import type { CommandResult, Session } from '../session.ts';
import { deployedPlaces } from '../setup/cdk-outputs.ts';
import { noteSecret } from '../setup/first-run.ts';
import { parseMirrors, repositoryOperand } from '../setup/mirror-operands.ts';
import {
  createRepository,
  generateKey,
  givenSecret,
  type NewSecret,
} from '../setup/new-repository.ts';
import { defaultMirror } from '../setup/places.ts';
import { askNewPassword, canAsk } from '../setup/prompt.ts';

const chunkBytesMin = 64 * 1024;
const chunkBytesMax = 4 * 1024 * 1024;

export async function run(session: Session): Promise<CommandResult> {
  const { io, output, settings } = session;
  const deployed = await deployedPlaces(session);
  const name = repositoryOperand(session, deployed?.name);
  const given = parseMirrors(session, deployed?.mirrors);
  const mirrors: readonly MirrorConfig[] =
    given.length === 0 ? [{ name: 'local', url: defaultMirror(name, io) }] : given;
  const chunkAvgBytes = checkedChunkSize(settings.number('chunk-size'));
  const plan = { name, mirrors, chunkAvgBytes, catalog: deployed?.catalog };
  const made = await createRepository(session, plan, () => chooseSecret(session, name));
  output.note(`The configuration is ${session.configuration.file}`);
  noteSecret(session, made);
  output.line(`repository ${name} made on ${mirrors.map((mirror) => mirror.name).join(', ')}`);
  return {
    exitCode: 0,
    summary: {
      repository: name,
      repositoryId: made.repositoryId,
      mirrors: mirrors.map((mirror) => ({ name: mirror.name, url: mirror.url })),
      encrypted: made.secret.kind !== 'none',
      keyFile: made.keyFile?.path,
      config: session.configuration.file,
    },
  };
}

async function chooseSecret(session: Session, name: string): Promise<NewSecret> {
  const given = await givenSecret(session);
  if (session.settings.flag('unsafe-no-encryption')) {
    if (given === undefined)
      return { secret: { kind: 'none' } satisfies Secret, settings: new Map() };
    throw new VersionsError(
      'Usage',
      'SECRET_WITHOUT_ENCRYPTION',
      'A password or key was given together with --unsafe-no-encryption',
      { hint: 'leave one of them away; VERSIONS_PASSWORD and its like count too' },
    );
  }
  if (given !== undefined) return given;
  if (session.mayAsk && canAsk(session.io)) {
    const password = await askNewPassword(
      session.io,
      `New password for ${name} (leave empty for a generated key file)`,
    );
    if (password !== '') return { secret: { kind: 'password', password }, settings: new Map() };
  }
  return generateKey(session, name);
}

function checkedChunkSize(bytes: number | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  const isPower = Number.isInteger(Math.log2(bytes));
  if (isPower && bytes >= chunkBytesMin && bytes <= chunkBytesMax) return bytes;
  throw new VersionsError(
    'Usage',
    'INVALID_SETTING',
    `--chunk-size must be a power of two from 64KiB to 4MiB, not ${bytes}`,
    { hint: 'leave it away: 1MiB fits nearly everybody' },
  );
}
