import type { MirrorId } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import type { Monitor } from '../monitor/index.ts';

/**
 * For `MirrorSet`: says of each mirror once that it gave no good copy of something, so that nobody
 * takes for whole what another mirror had to give. The output is complete all the same.
 */
export function noteSuspects(
  monitor: Pick<Monitor, 'note'>,
): (key: string, mirror: MirrorId, error: VersionsError) => void {
  const noted = new Set<MirrorId>();
  return (_key, mirror, { message }) => {
    if (noted.has(mirror)) return;
    noted.add(mirror);
    monitor.note(
      `${message}; other mirrors are asked instead, and "versions verify --level data" tells what else is wrong`,
    );
  };
}
