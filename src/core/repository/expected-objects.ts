import { hashOfPack } from '../base/index.ts';
import { decodeEntryObject, partsOfCheckpoint } from '../format/index.ts';
import { sortedByKey, type ExpectedObject } from '../verify/index.ts';
import { KeptOpening } from './kept-opening.ts';
import { metaKeys } from './meta-keys.ts';
import {
  checkpointKey,
  configKey,
  entryKey,
  keyObjectKey,
  markerKey,
  packKey,
  payloadKey,
} from './object-keys.ts';
import type { Repository } from './repository.ts';

/** Everything the journal says must be in each mirror, sorted by key. */
export async function expectedObjects(repository: Repository): Promise<readonly ExpectedObject[]> {
  const { state, catalog, monitor } = repository;
  const kept = new KeptOpening(repository.cacheDir, monitor);
  const keptNames = new Set(kept.keyNames());
  const expected: ExpectedObject[] = [
    {
      key: configKey,
      bytes: undefined,
      hash: undefined,
      atHand: kept.read(configKey) !== undefined,
    },
    { key: markerKey, bytes: undefined, hash: undefined },
  ];
  for (const name of state.keys) {
    const atHand = keptNames.has(name);
    expected.push({ key: keyObjectKey(name), bytes: undefined, hash: name, atHand });
  }
  for (const { name, bytes } of state.packs.all()) {
    if (state.packs.lifeOf(name) === 'swept') continue;
    expected.push({ key: packKey(name), bytes, hash: hashOfPack(name) });
  }
  expected.push(...(await expectedCheckpoints(repository)));
  const stored = await catalog.getMeta(metaKeys.stored);
  for await (const row of catalog.read(0)) {
    const { payload } = decodeEntryObject(row.bytes);
    const key = entryKey(row.lineage, row.number, row.hash);
    const { hash } = row;
    // The row comes before the object: its writer may be at it, or have died in between.
    const mayBeMissing = row.number === state.tip?.number && hash !== stored;
    expected.push({ key, bytes: row.bytes.byteLength, hash, mayBeMissing, atHand: true });
    if (payload) {
      const atHand = row.payload !== undefined;
      expected.push({ key: payloadKey(payload), bytes: undefined, hash: payload, atHand });
    }
  }
  for (const { place, bytes, payload } of repository.log.followed) {
    const { lineage, number, hash } = place;
    const mayBeMissing = number === state.tip?.number;
    expected.push({ key: entryKey(lineage, number, hash), bytes, hash, mayBeMissing });
    if (payload) expected.push({ key: payloadKey(payload), bytes: undefined, hash: payload });
  }
  return sortedByKey(expected);
}

/** The same without packs that are lost and that nothing needs any more. */
export async function neededObjects(repository: Repository): Promise<readonly ExpectedObject[]> {
  const expected = await expectedObjects(repository);
  if (!repository.lossIsOver) return expected;
  const lost = new Set([...repository.lostPacks].map(packKey));
  return expected.filter(({ key }) => !lost.has(key));
}

/** The objects of checkpoints. They are never lost, as the entries give them back. */
async function expectedCheckpoints({
  state,
  catalog,
}: Repository): Promise<readonly ExpectedObject[]> {
  const last = state.checkpoint;
  if (last === undefined) return [];
  const stored = await catalog.getMeta(metaKeys.checkpoint);
  // The entry comes before the objects: its writer may be at it, or have died in between.
  const unfinished = new Set(
    last.checkpoint.name === stored ? [] : partsOfCheckpoint(last).map(({ name }) => name),
  );
  return [...state.checkpointParts().values()].map(({ name, bytes }) => ({
    key: checkpointKey(name),
    bytes,
    hash: name,
    mayBeMissing: unfinished.has(name),
    atHand: true,
  }));
}
