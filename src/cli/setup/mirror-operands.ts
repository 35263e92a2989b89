import {
  credentialsForms,
  isConfigName,
  type MirrorConfig,
  parseS3Url,
  resolveCredentialsSource,
  resolvePlace,
  VersionsError,
} from '../../core/index.ts';
import type { Session } from '../session.ts';
import { isWithin } from './own-places.ts';
import { mirrorDirectory } from './places.ts';

/** The NAME operand of `init` and `connect`; `known` is what it is if none is given. */
export function repositoryOperand(
  { operands, settings, command }: Session,
  known = 'default',
): string {
  const name = operands[0] ?? known;
  if (settings.isFromFlag('repository')) {
    throw usage(`versions ${command.name} takes the name as an operand, not with -r`, command.name);
  }
  if (!isConfigName(name)) {
    throw usage(
      `${JSON.stringify(name)} is not a name: letters, digits, - and _, at most 64`,
      command.name,
    );
  }
  return name;
}

/**
 * The mirrors that are known already and those that `--mirror NAME=URL` gives, with paths made
 * absolute, and where `--credentials` says that theirs come from.
 */
export function parseMirrors(
  session: Session,
  known: readonly MirrorConfig[] = [],
): MirrorConfig[] {
  const { settings, command } = session;
  const credentials = credentialsGiven(session);
  const withCredentials = (mirror: MirrorConfig): MirrorConfig => {
    const source = credentials.get(mirror.name);
    credentials.delete(mirror.name);
    return source === undefined ? mirror : { ...mirror, credentials: source };
  };
  const given = settings.list('mirror').map((text) => {
    const at = text.indexOf('=');
    const name = text.slice(0, Math.max(at, 0));
    const url = text.slice(at + 1);
    if (!isConfigName(name) || url === '') {
      // A URL may hold a password, and is then not repeated.
      const shown = text.includes('@') ? '' : `, not ${JSON.stringify(text)}`;
      throw usage(`--mirror must be NAME=URL${shown}`, command.name);
    }
    return { name, url: mirrorUrl(session, url) };
  });
  const mirrors = [...known, ...given].map(withCredentials);
  const [unknown] = credentials.keys();
  if (unknown !== undefined) {
    throw usage(`--credentials names ${unknown}, which is none of the mirrors`, command.name);
  }
  for (const [index, mirror] of mirrors.entries()) {
    for (const other of mirrors.slice(0, index)) checkApart(mirror, other, command.name);
  }
  return mirrors;
}

/**
 * The URL of a mirror as the configuration keeps it. Throws `Usage` (STORE_URL_INVALID) for one that
 * holds a password or is no URL of a bucket, and never repeats it then.
 */
export function mirrorUrl({ io }: Session, text: string): string {
  const url = resolvePlace(text, { directory: io.directory, home: io.home });
  if (/^s3:\/\//i.test(url)) parseS3Url(url);
  return url;
}

/** The credentials that `--credentials` gives to the mirror that a command is about. Throws `Usage`. */
export function credentialsOfMirror(session: Session, name: string): string | undefined {
  const given = credentialsGiven(session);
  const source = given.get(name);
  if (given.size === (source === undefined ? 0 : 1)) return source;
  throw usage(`--credentials names another mirror than ${name}`, session.command.name);
}

/** What `--credentials NAME=SOURCE` gives, by the name of the mirror. Throws `Usage`. */
function credentialsGiven({ settings, io, command }: Session): Map<string, string> {
  const base = { directory: io.directory, home: io.home };
  return new Map(
    settings.list('credentials').map((text) => {
      const at = text.indexOf('=');
      const source = resolveCredentialsSource(text.slice(at + 1), base);
      // Not repeated: somebody may have taken it for the place of the secret itself.
      if (at < 1 || source === undefined) {
        throw usage(`--credentials must be NAME=SOURCE, SOURCE ${credentialsForms}`, command.name);
      }
      return [text.slice(0, at), source];
    }),
  );
}

/** Throws `Usage` if two mirrors share a name, or one lies in the other. */
export function checkApart(one: MirrorConfig, other: MirrorConfig, command: string): void {
  if (one.name === other.name) throw usage(`Two mirrors are named ${one.name}`, command);
  const a = placeOf(one.url);
  const b = placeOf(other.url);
  if (isWithin(a, b) || isWithin(b, a)) {
    throw usage(`The mirrors ${other.name} and ${one.name} lie in one another`, command);
  }
}

/** What tells places apart: a path, or a bucket and what comes before the keys in it. */
function placeOf(url: string): string {
  if (!/^s3:\/\//i.test(url)) return mirrorDirectory(url) ?? url;
  const { endpoint = 's3', bucket, prefix } = parseS3Url(url);
  return `${endpoint}/${bucket}/${prefix}`.replace(/\/$/, '');
}

function usage(message: string, command: string): VersionsError {
  return new VersionsError('Usage', 'USAGE', message, {
    hint: `versions help ${command} shows examples`,
  });
}
