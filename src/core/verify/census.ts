import type { MirrorId } from '../base/index.ts';
import type { Ledger, LedgerCopy } from '../catalog/index.ts';
import { parseObjectName } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';
import { objectPrefixes } from './expected-objects.ts';

export interface CensusOptions {
  readonly ledger: Pick<Ledger, 'copiesOf' | 'lifeOf' | 'record' | 'setDue'>;
  /** Every mirror that must hold what is found. */
  readonly mirrors: readonly MirrorId[];
  readonly now: number;
  /** Packs that are looked at; the next run goes on with others. */
  readonly objectsMax: number;
  readonly maxAgeMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Census {
  readonly objects: number;
  /** Copies that the ledger did not know. */
  readonly added: number;
}

/** Time for a client to store in every mirror what it stores in one. */
const graceMs = 6 * 60 * 60 * 1000;
const packShards = 256;
const lookUpsAtOnce = 8;
const packPrefix = 'packs/';

/**
 * Tells the ledger what a mirror holds that it does not know: so a ledger that was lost, or that a
 * client could not write to, comes back by itself, and what one mirror has is looked for in every
 * other. Looks at a part of the packs, at another one each time, and at everything else.
 */
export async function takeCensus(mirror: Mirror, options: CensusOptions): Promise<Census> {
  let objects = 0;
  let added = 0;
  let batch: { readonly key: string; readonly bytes: number }[] = [];
  const lookUp = async (): Promise<void> => {
    const missing = await Promise.all(batch.map((each) => unknownCopies(each, mirror, options)));
    batch = [];
    const copies = missing.flat();
    if (copies.length > 0) await options.ledger.record(copies);
    added += copies.length;
  };
  for await (const found of listPart(mirror, options)) {
    options.signal?.throwIfAborted();
    if (parseObjectName(found.key) === undefined) continue;
    objects += 1;
    batch.push(found);
    if (batch.length === lookUpsAtOnce) await lookUp();
  }
  await lookUp();
  return { objects, added };
}

async function* listPart(
  mirror: Mirror,
  { now, objectsMax, signal }: CensusOptions,
): AsyncGenerator<{ readonly key: string; readonly bytes: number }> {
  for (const key of ['config', 'mirror']) {
    const info = await mirror.store.head(key, { signal });
    if (info !== undefined) yield { key, bytes: info.bytes };
  }
  for (const prefix of objectPrefixes) {
    if (prefix === packPrefix) continue;
    let count = 0;
    for await (const info of mirror.store.list(prefix, { signal })) {
      if (++count > objectsMax) break;
      yield info;
    }
  }
  // Begins at another shard each time, and goes round: so a part of the packs is enough.
  const shard = Math.floor(now / graceMs) % packShards;
  const start = `${packPrefix}${shard.toString(16).padStart(2, '0')}`;
  let count = 0;
  for await (const info of mirror.store.list(packPrefix, { after: start, signal })) {
    if (++count > objectsMax) return;
    yield info;
  }
  for await (const info of mirror.store.list(packPrefix, { signal })) {
    if (info.key > start || ++count > objectsMax) return;
    yield info;
  }
}

/** Rows for the copies of an object that the ledger lacks. */
async function unknownCopies(
  { key, bytes }: { readonly key: string; readonly bytes: number },
  mirror: Mirror,
  options: CensusOptions,
): Promise<readonly LedgerCopy[]> {
  const { ledger, now, maxAgeMs } = options;
  const known = await ledger.copiesOf(key);
  // No time that anybody set may be so far away: a clock was wrong, or somebody hides a copy.
  const hidden = known.filter(({ nextDue }) => nextDue !== undefined && nextDue > now + maxAgeMs);
  if (hidden.length > 0) {
    await ledger.setDue(hidden.map((copy) => ({ object: key, mirror: copy.mirror, nextDue: now })));
  }
  const missing = options.mirrors.filter((id) => {
    const copy = known.find((each) => each.mirror === id);
    // What was only supposed to come is there now.
    return copy === undefined || (id === mirror.id && isSupposed(copy));
  });
  if (missing.length === 0) return [];
  const life = await ledger.lifeOf(key);
  if (life === 'swept') return [];
  return missing.map((id) => ({
    object: key,
    bytes,
    life,
    mirror: id,
    // What one mirror has, another one may only be about to get.
    state: id === mirror.id ? 'stored' : 'suspect',
    nextDue: id === mirror.id ? now : now + graceMs,
  }));
}

/** Noted because another mirror has it; nobody has looked yet. */
function isSupposed({ state, lastVerified }: LedgerCopy): boolean {
  return state === 'suspect' && lastVerified === undefined;
}
