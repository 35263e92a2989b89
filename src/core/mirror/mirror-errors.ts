import type { MirrorId, RepositoryId } from '../base/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';

/** One mirror's part in a failure. */
export interface MirrorFailure {
  readonly name: string;
  readonly error: unknown;
}

/** Too few mirrors can be written to, or, where one is enough, none at all. */
export function quorumLost(
  message: string,
  failures: readonly MirrorFailure[],
  mirrorsMin: number,
): VersionsError {
  return new VersionsError(
    'Unavailable',
    'QUORUM_LOST',
    failures.length === 0 ? message : `${message}: ${reasons(failures)}`,
    {
      hint: hintOf(failures, mirrorsMin),
      context: { mirrors: failures.map(({ name }) => name).join(', ') },
      cause: failures[0]?.error,
    },
  );
}

function hintOf(failures: readonly MirrorFailure[], mirrorsMin: number): string {
  const full = failures.filter(({ error }) => isFull(error)).map(({ name }) => name);
  const areOthers = full.length === 0 || full.length < failures.length;
  const steps = [
    ...(full.length > 0 ? [`make room in ${full.join(' and ')}`] : []),
    ...(areOthers ? ['bring the mirrors back (`versions status` shows them)'] : []),
  ].join(', ');
  const again = `${steps.charAt(0).toUpperCase()}${steps.slice(1)} and run the command again`;
  return mirrorsMin > 1 ? `${again}, or lower mirrors-min` : again;
}

/** Itself, or as the reason why the mirror was given up. */
function isFull(error: unknown): boolean {
  return isVersionsError(error) && (error.code === 'STORE_FULL' || isFull(error.cause));
}

/** No place shows anything of the repository. */
export function repositoryNotFound(failures: readonly MirrorFailure[]): VersionsError {
  return new VersionsError(
    'NotFound',
    'REPOSITORY_NOT_FOUND',
    `No place holds a repository: ${reasons(failures)}`,
    {
      hint: 'Mount the disks or correct the URLs; `versions init` makes a new repository',
      cause: failures[0]?.error,
    },
  );
}

export function mirrorForeign(
  name: string,
  found: RepositoryId,
  expected: { readonly repository: RepositoryId; readonly mirror?: string | undefined },
): VersionsError {
  const other = expected.mirror === undefined ? '' : ` of mirror ${expected.mirror}`;
  return new VersionsError(
    'Usage',
    'MIRROR_FOREIGN',
    `Mirror ${name} holds repository ${found}, not repository ${expected.repository}${other}`,
    {
      hint: `Correct its URL in the configuration, or take the section of ${name} out of it`,
      context: { mirror: name, repository: found, expected: expected.repository },
    },
  );
}

/** The place holds the repository that is meant; only its marker says otherwise. */
export function markerContradicted(name: string, found: RepositoryId): VersionsError {
  return new VersionsError(
    'Corrupt',
    'MARKER_CONTRADICTED',
    `The marker of mirror ${name} is that of repository ${found}, its config is not`,
    {
      hint: 'Run `versions heal`: the marker is written anew if this machine knows the mirror',
      context: { mirror: name, repository: found },
    },
  );
}

export function mirrorTwice(names: readonly [string, string], id: MirrorId): VersionsError {
  return new VersionsError(
    'Usage',
    'MIRROR_TWICE',
    `Mirrors ${names[0]} and ${names[1]} are one and the same (${id})`,
    {
      hint: 'Correct one of their URLs; a copied directory is not a mirror of its own',
      context: { first: names[0], second: names[1], mirrorId: id },
    },
  );
}

export function mirrorsMinInvalid(mirrorsMin: number, places: number): VersionsError {
  return new VersionsError(
    'Usage',
    'MIRRORS_MIN_INVALID',
    `mirrors-min is ${mirrorsMin}, but there are ${places} mirrors`,
    {
      hint: 'Set it to a number from 1 to the number of mirrors, in the configuration: `versions config path`',
    },
  );
}

/** A call took so long that nobody waits for it any more. */
export function mirrorStalled(name: string, key: string, limitMs: number): VersionsError {
  return new VersionsError(
    'Unavailable',
    'MIRROR_STALLED',
    `Mirror ${name} did not answer within ${Math.round(limitMs / 1000)} seconds about ${key}`,
    { context: { mirror: name, key } },
  );
}

/** A mirror that was there when the run began, and took what it was given, is not there any more. */
export function mirrorGone(name: string, what: string, cause?: VersionsError): VersionsError {
  return new VersionsError(
    'Unavailable',
    'MIRROR_GONE',
    `Mirror ${name} was taken away or emptied during this run: ${what}`,
    {
      hint: 'Find out what became of it; `versions doctor` tries the mirrors out',
      context: { mirror: name },
      cause,
    },
  );
}

/** The mirror was given up for the rest of the run. */
export function mirrorDown(name: string, cause: VersionsError): VersionsError {
  return new VersionsError(
    'Unavailable',
    'MIRROR_DOWN',
    `Mirror ${name} is not used any more in this run: ${cause.message}`,
    { hint: cause.hint, context: { mirror: name }, cause },
  );
}

export function mirrorBehind(name: string, key: string, objects: number): VersionsError {
  return new VersionsError(
    'Unavailable',
    'MIRROR_BEHIND',
    `Mirror ${name} is ${objects} objects behind the others and is owed ${key}`,
    { context: { mirror: name, key } },
  );
}

/** The bytes that a mirror gave for `key` are not what they should be. */
export function copyDamaged(key: string, name: string, reason?: VersionsError): VersionsError {
  const why = reason === undefined ? '' : `: ${reason.message}`;
  return new VersionsError(
    'Corrupt',
    'COPY_DAMAGED',
    `The copy of ${key} in mirror ${name} is damaged${why}`,
    {
      context: { mirror: name, key },
      cause: reason,
    },
  );
}

export function noGoodCopy(key: string, failures: readonly MirrorFailure[]): VersionsError {
  return new VersionsError(
    'Corrupt',
    'NO_GOOD_COPY',
    `No mirror has a good copy of ${key}: ${reasons(failures)}`,
    {
      hint: 'Bring back mirrors that are absent, then run the command again',
      context: { key },
      // What was read and is bad says more than what could not be read.
      cause: (failures.find(({ error }) => isVersionsError(error, 'Corrupt')) ?? failures[0])
        ?.error,
    },
  );
}

/** The copies that may be good can only be read after somebody has asked for them. */
export function copyArchived(key: string, failures: readonly MirrorFailure[]): VersionsError {
  const names = failures.map(({ name }) => name).join(', ');
  return new VersionsError(
    'Unavailable',
    'OBJECT_ARCHIVED',
    `${key} lies in an archive in ${names}, and no other mirror at hand has a good copy`,
    {
      hint: 'Run `versions restore --thaw`, which asks for what a restore needs, and again in some hours; or bring another mirror',
      context: { key, mirrors: names },
      cause: failures[0]?.error,
    },
  );
}

export function noCopyReachable(key: string, failures: readonly MirrorFailure[]): VersionsError {
  return new VersionsError(
    'Unavailable',
    'NO_COPY_REACHABLE',
    `No mirror could be asked for ${key}: ${reasons(failures)}`,
    {
      hint: '`versions status` shows which mirrors answer',
      context: { key },
      cause: failures[0]?.error,
    },
  );
}

function reasons(failures: readonly MirrorFailure[]): string {
  return failures
    .map(({ name, error }) => `${name}: ${errorMessage(whyGivenUp(error))}`)
    .join('; ');
}

/** That a mirror was given up has been told when it was; what is still to be said is why. */
function whyGivenUp(error: unknown): unknown {
  const isGivenUp = isVersionsError(error) && error.code === 'MIRROR_DOWN';
  return isGivenUp ? (error.cause ?? error) : error;
}
