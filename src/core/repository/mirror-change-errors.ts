import type { MirrorId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';

/** The place of a new mirror is one that the repository has already. */
export function mirrorKnown(name: string, other: string): VersionsError {
  return new VersionsError(
    'Usage',
    'MIRROR_KNOWN',
    `The place given for mirror ${name} is that of mirror ${other}`,
    {
      hint: `Give it another place; if mirror ${other} has moved: "versions mirror set ${other} URL"`,
      context: { mirror: name, other },
    },
  );
}

/** The marker is that of a mirror that is not here: a copy of it, or the mirror itself. */
export function mirrorMaybeKnown(name: string, id: MirrorId): VersionsError {
  return new VersionsError(
    'Usage',
    'MIRROR_MAYBE_KNOWN',
    `The place given for mirror ${name} carries the marker of a mirror (${id}) that is not here now`,
    {
      hint: 'If that mirror has moved: "versions mirror set NAME URL"; if it is lost: "versions mirror remove NAME --lost", then add this place',
      context: { mirror: name },
    },
  );
}

export function placeTaken(name: string, location: string, key: string): VersionsError {
  return new VersionsError(
    'Conflict',
    'MIRROR_NOT_EMPTY',
    `Mirror ${name} (${location}) is not empty: it holds "${key}"`,
    { hint: 'Choose an empty place, or a copy of a mirror of this repository' },
  );
}

export function mirrorUnknown(name: string, known: readonly string[]): VersionsError {
  return new VersionsError('Usage', 'MIRROR_UNKNOWN', `There is no mirror ${name}`, {
    hint: `Name one of ${known.join(', ')}; "versions mirror list" shows them`,
    context: { mirror: name },
  });
}

export function copiesTooFew(
  name: string,
  { objects, mirrorsMin }: { readonly objects: number; readonly mirrorsMin: number },
): VersionsError {
  return new VersionsError(
    'Unavailable',
    'COPIES_TOO_FEW',
    `Without mirror ${name}, ${objects} objects would be on fewer than ${mirrorsMin} of the mirrors that are here`,
    {
      hint: 'Run "versions mirror sync" with all mirrors first; if this one is dead: --lost',
      context: { mirror: name, objects, mirrorsMin },
    },
  );
}

export function mirrorsTooFew(left: number, mirrorsMin: number): VersionsError {
  return new VersionsError(
    'Usage',
    'MIRRORS_TOO_FEW',
    left === 0
      ? 'The last mirror of a repository cannot be removed'
      : `Only ${left} of the mirrors would be left where mirrors-min is ${mirrorsMin}`,
    {
      hint:
        left === 0
          ? 'Add another one first: "versions mirror add"'
          : 'Add another one first, or lower it: "versions mirror set --mirrors-min N"',
    },
  );
}
