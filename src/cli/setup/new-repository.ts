import { unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  appendRepository,
  bytesEqual,
  connectRepository,
  encodeKeyFile,
  initRepository,
  isVersionsError,
  type MirrorConfig,
  openRepository,
  type RepositoryConfig,
  type Secret,
  secretOfText,
  type SettingValue,
  systemRandom,
  VersionsError,
} from '../../core/index.ts';
import type { Session } from '../session.ts';
import { parseOptionsOf, readConfigText } from './configuration.ts';
import { createFile, replaceFile } from './durable-files.ts';
import { lockConfiguration } from './lock.ts';
import { defaultCatalog, makePrivateDirectories, placesOf } from './places.ts';
import { readKeyFile, readSecret, secretSettingOf } from './secret.ts';
import { tryOutBuckets } from './try-out.ts';

const keyBytes = 32;

/** A secret for a repository, and what the configuration has to say to find it again. */
export interface NewSecret {
  readonly secret: Secret;
  readonly settings: ReadonlyMap<string, SettingValue>;
  /** The key file, if the program keeps one; true if it was made just now. */
  readonly keyFile?: { readonly path: string; readonly isNew: boolean };
}

/** Where the key file of a repository is kept: beside the configuration, never in a mirror. */
export function keyFileOf(session: Session, name: string): string {
  return join(dirname(session.configuration.file), `${name}.key`);
}

/** The secret that flags, variables or the configuration give; undefined if they give none. */
export async function givenSecret(session: Session): Promise<NewSecret | undefined> {
  const setting = secretSettingOf(session.settings);
  if (setting === undefined) return undefined;
  const secret = await readSecret(setting, session.settings, session.io);
  // What came from the environment will come from there again; what a flag said must be kept.
  const value = session.settings.isFromFlag(setting) ? session.settings.text(setting) : undefined;
  return { secret, settings: new Map(value === undefined ? [] : [[setting, value]]) };
}

/** Keeps a key in the key file of the repository, unless there is one: that is never replaced. */
async function keepKey(session: Session, name: string, key: Uint8Array): Promise<NewSecret> {
  const path = keyFileOf(session, name);
  const isNew = await createFile(path, encodeKeyFile(key));
  return {
    secret: { kind: 'key', key: isNew ? key : await readKeyFile(path) },
    settings: new Map([['key-file', path]]),
    keyFile: { path, isNew },
  };
}

/** A new key in the key file of the repository; one that is there already is used. */
export function generateKey(session: Session, name: string): Promise<NewSecret> {
  return keepKey(session, name, systemRandom.bytes(keyBytes));
}

/** The secret that somebody typed: a key is kept, a password is not. */
export async function typedSecret(
  session: Session,
  name: string,
  text: string,
): Promise<NewSecret> {
  const secret = secretOfText(text);
  if (secret.kind !== 'key') return { secret, settings: new Map() };
  const kept = await keepKey(session, name, secret.key);
  if (kept.secret.kind === 'key' && bytesEqual(kept.secret.key, secret.key)) return kept;
  const path = keyFileOf(session, name);
  throw new VersionsError(
    'Conflict',
    'KEY_FILE_TAKEN',
    `The key file ${path} is there already and holds another key`,
    { hint: 'move it away, or use another NAME' },
  );
}

export interface NewRepository {
  readonly name: string;
  readonly mirrors: readonly MirrorConfig[];
  readonly chunkAvgBytes?: number | undefined;
  /** Where the catalog is to be, if the settings do not say. */
  readonly catalog?: string | undefined;
}

/**
 * Makes a repository and its section of the configuration. Nothing is written if the section could
 * not be added. The key is on disk before anything is encrypted with it.
 */
export async function createRepository(
  session: Session,
  plan: NewRepository,
  makeSecret: () => Promise<NewSecret>,
): Promise<NewSecret & { readonly repositoryId: string }> {
  const config = repositoryConfigOf(session, plan);
  const places = placesOf(config, session.settings, session.io);
  await extendedConfigText(session, config);
  await makePrivateDirectories(places, session.io);
  const made = await makeSecret();
  const { chunkAvgBytes } = plan;
  let repositoryId: string;
  try {
    ({ repositoryId } = await initRepository(
      places,
      {
        secret: made.secret,
        unsafeNoEncryption: made.secret.kind === 'none',
        ...(chunkAvgBytes === undefined ? {} : { chunkAvgBytes }),
      },
      session.context,
    ));
  } catch (error) {
    // A refusal wrote nothing, so nothing needs this key.
    const isRefusal = isVersionsError(error, 'Usage', 'Conflict', 'Unsupported');
    if (isRefusal && made.keyFile?.isNew === true) await unlink(made.keyFile.path);
    throw error;
  }
  await addToConfiguration(session, withSettings(config, made.settings));
  await tryOutBuckets(session, places);
  return { ...made, repositoryId };
}

/** Adds the section of a repository that was made already, in a run that did not come so far. */
export async function adoptRepository(
  session: Session,
  plan: NewRepository,
  made: NewSecret,
): Promise<void> {
  const config = withSettings(repositoryConfigOf(session, plan), made.settings);
  const places = placesOf(config, session.settings, session.io);
  const options = { secret: made.secret, readOnly: true };
  await using _repository = await openRepository(places, options, session.context);
  await addToConfiguration(session, config);
}

/** Takes up a repository that exists, and makes its section of the configuration. */
export async function takeUpRepository(
  session: Session,
  plan: NewRepository,
  made: NewSecret,
): Promise<Awaited<ReturnType<typeof connectRepository>>> {
  const config = repositoryConfigOf(session, plan);
  const places = placesOf(config, session.settings, session.io);
  await extendedConfigText(session, config);
  await makePrivateDirectories(places, session.io);
  const connected = await connectRepository(
    places,
    {
      secret: made.secret,
      takeOver: session.settings.flag('take-over'),
      readOnly: session.settings.flag('read-only'),
    },
    session.context,
  );
  const none: [string, SettingValue][] = connected.encrypted
    ? []
    : [['unsafe-no-encryption', true]];
  await addToConfiguration(session, withSettings(config, new Map([...made.settings, ...none])));
  return connected;
}

/** The section that will be written, but for the secret. */
function repositoryConfigOf(
  session: Session,
  { name, mirrors, catalog }: NewRepository,
): RepositoryConfig {
  const { settings, io } = session;
  const kept = new Map<string, SettingValue>([
    ['catalog', settings.text('catalog') ?? catalog ?? defaultCatalog(name, io)],
  ]);
  const mirrorsMin = settings.number('mirrors-min');
  if (mirrorsMin !== undefined) {
    if (mirrorsMin > mirrors.length) {
      throw new VersionsError(
        'Usage',
        'TOO_FEW_MIRRORS',
        `--mirrors-min ${mirrorsMin} is more than the ${mirrors.length} mirrors given`,
        { hint: 'name more mirrors, or a smaller number' },
      );
    }
    kept.set('mirrors-min', mirrorsMin);
  }
  if (settings.flag('read-only')) kept.set('read-only', true);
  if (settings.flag('unsafe-no-encryption')) kept.set('unsafe-no-encryption', true);
  return { name, mirrors, settings: kept };
}

function withSettings(
  config: RepositoryConfig,
  more: ReadonlyMap<string, SettingValue>,
): RepositoryConfig {
  return { ...config, settings: new Map([...config.settings, ...more]) };
}

async function extendedConfigText(session: Session, config: RepositoryConfig): Promise<string> {
  const { file } = session.configuration;
  const text = await readConfigText(file);
  return appendRepository(text, config, parseOptionsOf(file, session.io.home));
}

/** Adds a section to the configuration as it is now: another command may have added one meanwhile. */
async function addToConfiguration(session: Session, config: RepositoryConfig): Promise<void> {
  const { file } = session.configuration;
  using _lock = await lockConfiguration(file);
  await replaceFile(file, await extendedConfigText(session, config));
}
