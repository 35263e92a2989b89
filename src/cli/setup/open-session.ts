import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  isVersionsError,
  type MirrorConfig,
  openRepository,
  type Repository,
  type RepositoryConfig,
  type RepositoryPlaces,
  resolvePlace,
  type Secret,
  VersionsError,
} from '../../core/index.ts';
import type { Session } from '../session.ts';
import { makePrivateDirectories, placesOf } from './places.ts';
import { secretOf } from './secret.ts';

/** A repository that is open for one command. */
export interface OpenedRepository extends AsyncDisposable {
  readonly name: string;
  readonly repository: Repository;
}

export interface OpenChoice {
  /** A secret that was asked for before. */
  readonly secret?: (() => Promise<Secret>) | undefined;
  /** What is learnt of copies is noted in the ledger. */
  readonly notesHealth?: boolean | undefined;
}

/** Opens the repository that is meant, to read from it. */
export async function openForReading(
  session: Session,
  choice: OpenChoice = {},
): Promise<OpenedRepository> {
  if (session.isPlace) return openPlace(session);
  const configured = session.configuredRepository();
  const places = placesOf(configured, session.settings, session.io);
  await makePrivateDirectories(places, session.io);
  return open(session, { name: configured.name, places, readOnly: true, ...choice });
}

/** The configured repository that is meant, if it may be written to. */
export function writableRepository(session: Session): RepositoryConfig {
  if (session.isPlace) {
    throw new VersionsError(
      'Usage',
      'PLACE_IS_READ_ONLY',
      `versions ${session.command.name} cannot write to a mirror given with -r`,
      { hint: 'take the repository up first: versions connect NAME --mirror NAME=URL' },
    );
  }
  const configured = session.configuredRepository();
  if (session.settings.flag('read-only')) {
    throw new VersionsError(
      'Usage',
      'CONFIGURED_READ_ONLY',
      `The repository ${configured.name} is configured as read-only`,
      { hint: `remove read-only from ${session.configuration.file} to write to it from here` },
    );
  }
  return configured;
}

/** Opens it. */
export async function openForWriting(
  session: Session,
  choice: OpenChoice = {},
): Promise<OpenedRepository> {
  const configured = writableRepository(session);
  const places = placesOf(configured, session.settings, session.io);
  await makePrivateDirectories(places, session.io);
  return open(session, { name: configured.name, places, readOnly: false, ...choice });
}

/** Opens it with other mirrors than are configured, of which fewer may be there than must be. */
export async function openWithMirrors(
  session: Session,
  configured: RepositoryConfig,
  mirrors: readonly MirrorConfig[],
): Promise<OpenedRepository> {
  const places = placesOf({ ...configured, mirrors }, session.settings, session.io);
  await makePrivateDirectories(places, session.io);
  const wanted = session.settings.isFromFlag('mirrors-min') ? undefined : places.mirrorsMin;
  const mirrorsMin = wanted === undefined ? undefined : Math.min(wanted, mirrors.length);
  return open(session, {
    name: configured.name,
    places: { ...places, mirrorsMin },
    readOnly: false,
  });
}

/** The secret for opening, asked for only when it is needed, and only once. */
export function lazySecret(session: Session, name: string): () => Promise<Secret> {
  let secret: Promise<Secret> | undefined;
  return () =>
    (secret ??= secretOf(session.settings, session.io, { name, mayAsk: session.mayAsk }));
}

async function open(
  session: Session,
  {
    name,
    places,
    readOnly,
    notesHealth,
    secret = lazySecret(session, name),
  }: OpenChoice & {
    readonly name: string;
    readonly places: RepositoryPlaces;
    readonly readOnly: boolean;
  },
): Promise<OpenedRepository> {
  const options = { secret, readOnly, notesHealth };
  const repository = await openRepository(places, options, session.context).catch(
    (error: unknown) => {
      throw session.isPlace ? error : asUnreachable(error);
    },
  );
  return {
    name,
    repository,
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

/** A configured repository exists; where none of it is found, its mirrors are out of reach. */
function asUnreachable(error: unknown): unknown {
  if (!isVersionsError(error, 'NotFound') || error.code !== 'REPOSITORY_NOT_FOUND') return error;
  return new VersionsError('Unavailable', 'NO_MIRROR_REACHABLE', error.message, {
    hint: 'mount the disks of the mirrors, or correct their URLs: versions config show',
    context: error.context,
    cause: error,
  });
}

/** A mirror by itself: what is rebuilt from it lives as long as the command. */
async function openPlace(session: Session): Promise<OpenedRepository> {
  const { directory, home } = session.io;
  const url = resolvePlace(session.settings.text('repository') ?? '', { directory, home });
  const cacheDir = await mkdtemp(join(tmpdir(), 'versions-'));
  const remove = (): Promise<void> => rm(cacheDir, { recursive: true, force: true });
  try {
    const places = { mirrors: [{ name: 'place', url }], catalog: undefined, cacheDir };
    const opened = await open(session, { name: url, places, readOnly: true });
    return {
      ...opened,
      [Symbol.asyncDispose]: async () => {
        await opened[Symbol.asyncDispose]();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
