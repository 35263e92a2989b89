import { displayPath, type ByteString } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { thawObject } from '../mirror/index.ts';
import { reportProblem, type RestoreWork } from './restore-work.ts';

/** Did a read fail because a pack lies in an archive? Then that pack is noted. */
export function isArchived({ archived }: RestoreWork, error: unknown): boolean {
  if (!isVersionsError(error) || error.code !== 'OBJECT_ARCHIVED') return false;
  archived.set(String(error.context['key']), error);
  return true;
}

/** A file that is incomplete until what it needs has come back from an archive. */
export function contentArchived(path: ByteString, cause?: unknown): VersionsError {
  const pack = isVersionsError(cause) ? cause.context['key'] : undefined;
  const where = pack === undefined ? '' : ` (${pack})`;
  return new VersionsError(
    'Unavailable',
    'CONTENT_ARCHIVED',
    `${displayPath(path)} is incomplete: a part of it lies in an archive${where}`,
    {
      hint: 'Ask for it with `versions restore --thaw`, and run the same command again some hours later',
      cause,
    },
  );
}

/**
 * Asks for every pack that the restore needs and that lies in an archive; returns how many of them
 * are on their way. One that cannot be asked for is a problem and stops nothing.
 */
export async function askForThaw(work: RestoreWork): Promise<number> {
  const { repository, archived, context } = work;
  let asked = 0;
  for (const key of archived.keys()) {
    context.monitor.at('asking the archive', key);
    try {
      const thaw = await thawObject(repository.mirrors.mirrors, key, { signal: context.signal });
      if (thaw !== undefined) asked += 1;
    } catch (error) {
      if (!isVersionsError(error) || error.kind === 'Cancelled') throw error;
      reportProblem(work, error);
    }
  }
  return asked;
}
