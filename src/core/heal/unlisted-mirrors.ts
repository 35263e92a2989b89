import { VersionsError } from '../errors/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { VerifyMirrorsResult } from '../verify/index.ts';

/** Nothing is known of the copies in these mirrors, so that nobody may say that all is mended. */
export function unlistedMirrors(
  mirrors: readonly Mirror[],
  { listed }: Pick<VerifyMirrorsResult, 'listed'>,
): readonly VersionsError[] {
  const known = new Set(listed.map(({ mirror }) => mirror.id));
  return mirrors.filter(({ id }) => !known.has(id)).map(({ name }) => unlisted(name));
}

function unlisted(name: string): VersionsError {
  return new VersionsError(
    'Unavailable',
    'MIRROR_UNLISTED',
    `Mirror ${name} could not be listed, so nothing in it was looked at or mended`,
    {
      hint: 'Bring it back, then run `versions heal` again; `versions doctor` tries out what a mirror can do',
      context: { mirror: name },
    },
  );
}
