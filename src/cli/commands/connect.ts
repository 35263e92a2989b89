import { connectRepository, VersionsError } from '../../core/index.ts';
import { formatCounted } from '../output/measures.ts';
import type { CommandResult, Session } from '../session.ts';
import { deployedPlaces } from '../setup/cdk-outputs.ts';
import { parseMirrors, repositoryOperand } from '../setup/mirror-operands.ts';
import {
  givenSecret,
  type NewSecret,
  takeUpRepository,
  typedSecret,
} from '../setup/new-repository.ts';
import { makePrivateDirectories, placesOf } from '../setup/places.ts';
import { askSecret, canAsk } from '../setup/prompt.ts';
import { secretOf } from '../setup/secret.ts';

type Connected = Awaited<ReturnType<typeof connectRepository>>;

export async function run(session: Session): Promise<CommandResult> {
  const { configuration, output } = session;
  const deployed = await deployedPlaces(session);
  const name = repositoryOperand(session, deployed?.name);
  const mirrors = parseMirrors(session, deployed?.mirrors);
  if (mirrors.length === 0) {
    const connected = await rebuild(session, name);
    return finish(session, name, connected);
  }
  if (configuration.repository(name) !== undefined) {
    throw new VersionsError(
      'Usage',
      'REPOSITORY_CONFIGURED',
      `A repository named ${name} is already configured in ${configuration.file}`,
      {
        hint: `give another NAME, or leave --mirror away to rebuild its catalog: versions connect ${name}`,
      },
    );
  }
  const secret = await knownSecret(session, name);
  session.showProgress();
  const connected = await takeUpRepository(
    session,
    { name, mirrors, catalog: deployed?.catalog },
    secret,
  );
  output.note(`The configuration is ${configuration.file}`);
  return finish(session, name, connected);
}

/** Makes the catalog of a configured repository anew from its mirrors. */
async function rebuild(session: Session, name: string): Promise<Connected> {
  const { configuration, context, io, mayAsk, settings } = session;
  const configured = configuration.repository(name);
  if (configured === undefined) {
    throw new VersionsError('Usage', 'NO_MIRROR', `No mirror was given for ${name}`, {
      hint: `say where it is: versions connect ${name} --mirror NAME=URL`,
    });
  }
  const places = placesOf(configured, settings, io);
  await makePrivateDirectories(places, io);
  // Before the progress display, which would draw over the question.
  const secret = await secretOf(settings, io, { name, mayAsk });
  session.showProgress();
  return connectRepository(
    places,
    {
      secret,
      takeOver: settings.flag('take-over'),
      readOnly: settings.flag('read-only'),
    },
    context,
  );
}

/** A repository without encryption needs none, so that nothing given is no error yet. */
async function knownSecret(session: Session, name: string): Promise<NewSecret> {
  const given = await givenSecret(session);
  if (given !== undefined) return given;
  if (session.mayAsk && canAsk(session.io)) {
    const text = await askSecret(session.io, `Password or key of ${name}`);
    if (text !== '') return typedSecret(session, name, text);
  }
  return { secret: { kind: 'none' }, settings: new Map() };
}

function finish(session: Session, name: string, connected: Connected): CommandResult {
  const { repositoryId, snapshots, encrypted } = connected;
  const found = formatCounted(snapshots, 'snapshot');
  session.output.line(`repository ${name} connected: ${found}`);
  if (!session.settings.flag('take-over')) {
    session.output.note(
      `This machine can read it. To back up from here, and no more from the machine before: versions connect ${name} --take-over`,
    );
  }
  if (!encrypted) session.output.note('This repository is not encrypted.');
  return {
    exitCode: 0,
    summary: {
      repository: name,
      repositoryId,
      snapshots,
      encrypted,
      readOnly: session.settings.flag('read-only'),
      config: session.configuration.file,
    },
  };
}
