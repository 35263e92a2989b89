import { parseObjectName } from '../format/index.ts';
import type { Finding } from '../monitor/index.ts';
import type { ExpectedObject } from './expected-objects.ts';
import type { ListedMirror } from './list-mirror.ts';

/**
 * One finding for a mirror that knows the journal up to some entry and none behind it: it was away
 * while the others went on, or was brought back from an older copy.
 */
export function staleFinding(
  { mirror, sizes }: ListedMirror,
  objects: readonly ExpectedObject[],
  healable: boolean,
): Finding | undefined {
  let last = 0;
  let own = 0;
  let missing = 0;
  for (const { key, mayBeMissing } of objects) {
    if (mayBeMissing === true || parseObjectName(key)?.part !== 'entry') continue;
    const number = numberOf(key);
    last = Math.max(last, number);
    if (sizes.has(key)) own = Math.max(own, number);
    else missing += 1;
  }
  // Entries that are missing in between are damage.
  if (own === last || own === 0 || missing < last - own) return undefined;
  const detail = `Its journal ends at entry ${own}, that of the repository at ${last}: it was away, or is an older copy`;
  return { kind: 'stale', mirror: mirror.name, object: '', healable, detail };
}

/** `journal/<lineage>/<number>-<hash>` */
function numberOf(key: string): number {
  const name = key.slice(key.lastIndexOf('/') + 1);
  return Number(name.slice(0, name.indexOf('-')));
}
