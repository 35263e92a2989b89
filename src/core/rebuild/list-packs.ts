import { isPackName, type MirrorId, type PackName } from '../base/index.ts';
import { isVersionsError, type VersionsError } from '../errors/index.ts';
import { parseObjectName } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { Context, Repository } from '../repository/index.ts';

/** What the mirrors list below `packs/`. */
export interface ListedPacks {
  /** The packs of each mirror that could be listed. */
  readonly byMirror: ReadonlyMap<MirrorId, ReadonlySet<PackName>>;
  /** Packs that the journal does not name, with every size that a mirror lists. */
  readonly unnamed: ReadonlyMap<PackName, readonly number[]>;
}

/** Lists the packs of every mirror; one that does not answer is told and left out. */
export async function listPacks(
  { mirrors, state }: Repository,
  { monitor, signal }: Context,
): Promise<ListedPacks> {
  const byMirror = new Map<MirrorId, ReadonlySet<PackName>>();
  const unnamed = new Map<PackName, number[]>();
  let failure: VersionsError | undefined;
  for (const mirror of mirrors.mirrors) {
    try {
      const names = new Set<PackName>();
      for await (const { name, bytes } of packsOf(mirror, signal)) {
        names.add(name);
        if (state.packs.numberOf(name) !== undefined || state.packs.lifeOf(name) === 'swept')
          continue;
        const sizes = unnamed.get(name) ?? [];
        if (!sizes.includes(bytes)) sizes.push(bytes);
        unnamed.set(name, sizes);
      }
      byMirror.set(mirror.id, names);
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied')) throw error;
      failure = error;
      monitor.note(`The packs of mirror ${mirror.name} were not looked at: ${error.message}`);
    }
  }
  if (byMirror.size === 0 && failure !== undefined) throw failure;
  return { byMirror, unnamed };
}

async function* packsOf(
  mirror: Mirror,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ readonly name: PackName; readonly bytes: number }> {
  for await (const { key, bytes } of mirror.store.list('packs/', { signal })) {
    const hash = parseObjectName(key)?.part === 'pack' ? key.slice('packs/00/'.length) : '';
    if (isPackName(hash)) yield { name: hash, bytes };
  }
}
