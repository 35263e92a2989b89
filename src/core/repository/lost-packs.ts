import type { MirrorId, PackName } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { objectHashOf } from '../format/index.ts';
import { metaKeys } from './meta-keys.ts';
import { packKey } from './object-keys.ts';
import type { Repository } from './repository.ts';

/**
 * The packs that every mirror at hand is known to lack. Nothing may be built upon them: what was in
 * them is stored anew from the source, which makes older snapshots whole again too. The ledger says
 * where to look, the mirrors say what is so.
 */
export async function findLostPacks(
  repository: Repository,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<PackName>> {
  const { catalog, mirrors } = repository;
  const owing = new Map<string, Set<MirrorId>>();
  for await (const { object, mirror } of catalog.ledger.copies({ state: 'debt' })) {
    if (!object.startsWith('packs/')) continue;
    const by = owing.get(object) ?? new Set();
    owing.set(object, by.add(mirror));
  }
  const lost = new Set<PackName>();
  if (owing.size === 0) return lost;
  for (const { name } of repository.state.packs.all()) {
    const by = owing.get(packKey(name));
    if (by === undefined || !mirrors.mirrors.every(({ id }) => by.has(id))) continue;
    if (!(await isAnywhere(repository, name, signal))) lost.add(name);
  }
  return lost;
}

/**
 * Notes whether the packs that are lost now are needed no more: all that was in them is stored again.
 * That holds for just these, as nothing is built upon them.
 */
export async function noteSuperseded(repository: Repository, isOver: boolean): Promise<void> {
  const { catalog, lostPacks } = repository;
  const loss = isOver ? nameOfLoss(lostPacks) : '';
  if (((await catalog.getMeta(metaKeys.loss)) ?? '') !== loss) {
    await catalog.setMeta(metaKeys.loss, loss);
  }
  repository.lossIsOver = isOver;
}

/** Has a healer seen of the packs that are lost now that nothing needs them any more? */
export async function isLossOver({ catalog, lostPacks }: Repository): Promise<boolean> {
  return lostPacks.size > 0 && (await catalog.getMeta(metaKeys.loss)) === nameOfLoss(lostPacks);
}

/** Short, however many there are. */
function nameOfLoss(packs: ReadonlySet<PackName>): string {
  return objectHashOf(Buffer.from([...packs].toSorted().join('\n')));
}

/** Does any mirror list the pack? One that does not answer counts as having it. */
export async function isAnywhere(
  { mirrors }: Repository,
  name: PackName,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  for (const { store } of mirrors.mirrors) {
    try {
      if ((await store.head(packKey(name), { signal })) !== undefined) return true;
    } catch (error) {
      if (!isVersionsError(error, 'Unavailable', 'Denied')) throw error;
      return true;
    }
  }
  return false;
}
