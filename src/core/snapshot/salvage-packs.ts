import { bytesEqual, type PackName } from '../base/index.ts';
import type { IdKind } from '../crypto/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { packNameOf, quarantinedKey, quarantinePrefix } from '../format/index.ts';
import { setAside } from '../heal/index.ts';
import type { Mirror } from '../mirror/index.ts';
import {
  openBlock,
  packKey,
  readPackDirectory,
  WriteSession,
  type Context,
  type PackDirectory,
  type PackInfo,
  type Repository,
} from '../repository/index.ts';
import { PackBuilder } from '../workers/index.ts';

export interface Salvaged {
  /** Lost packs that were dealt with. */
  readonly packs: number;
  /** Chunks that were stored anew, and those of the lost packs that nobody can read any more. */
  readonly chunks: number;
  readonly chunksLost: number;
}

/** A damaged copy of a pack, wherever it lies. */
interface BadCopy {
  readonly mirror: Mirror;
  readonly key: string;
  readonly bytes: Uint8Array;
}

/**
 * Saves what is left of packs that no mirror has a good copy of: every block that any copy still
 * has whole goes into new packs. Once those are stored and in the journal the damaged copies are set
 * aside, so that nobody builds upon them: what is missing counts as not stored, and the next backup
 * of the same data stores it again.
 */
export async function salvagePacks(
  repository: Repository,
  names: readonly PackName[],
  options: { readonly host: string },
  context: Context,
): Promise<Salvaged> {
  const { monitor, signal } = context;
  const { packs } = repository.state;
  const sum = { packs: 0, chunks: 0, chunksLost: 0 };
  await repository.loadIndex(signal);
  await using session = await WriteSession.begin(repository, { ...options, signal });
  const done: (readonly BadCopy[])[] = [];
  for (const name of names) {
    const number = packs.numberOf(name);
    const pack = number === undefined ? undefined : packs.at(number);
    if (pack === undefined) continue;
    monitor.at('salvaging', packKey(name));
    const copies = await copiesOf(repository, name, signal);
    // Then nothing is lost, whoever says so, and nothing is set aside.
    if (copies.some(({ bytes }) => packNameOf(bytes) === name)) continue;
    const { stored, lost } = await salvage({ pack, copies }, session, repository, context);
    sum.packs += 1;
    sum.chunks += stored;
    sum.chunksLost += lost;
    done.push(copies);
  }
  // Only now do the new packs count: before, the damaged copies are all there is.
  await session.end();
  for (const copies of done) for (const copy of copies) await retire(copy, context);
  await noteDebts(repository, names, context);
  return sum;
}

async function salvage(
  { pack, copies }: { readonly pack: PackInfo; readonly copies: readonly BadCopy[] },
  session: WriteSession,
  repository: Repository,
  context: Context,
): Promise<{ readonly stored: number; readonly lost: number }> {
  const directory = await directoryOf(pack, repository, context);
  if (directory === undefined) return { stored: 0, lost: pack.chunkCount };
  const { keys, config } = repository;
  const { table } = directory;
  const builder = new PackBuilder({
    kind: pack.kind,
    keys,
    repository: repository.id,
    packBytes: repository.packBytes,
    blockBytes: config.blockBytes,
    chunkBytesMax: Math.max(1, ...table.chunkLengths),
    random: context.random,
    onPack: (sealed) => session.addPack(sealed, () => {}),
  });
  let stored = 0;
  for (let block = 0; block < table.blockCount; block++) {
    const plain = openAnywhere(block, copies, directory, repository);
    if (plain === undefined) continue;
    for (let chunk = 0; chunk < table.chunkCount; chunk++) {
      if (table.chunkBlocks[chunk] !== block) continue;
      const offset = table.chunkOffsets[chunk] ?? 0;
      const bytes = plain.subarray(offset, offset + (table.chunkLengths[chunk] ?? 0));
      const id = table.ids.subarray(chunk * 32, chunk * 32 + 32);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the decoder checked the kind
      const kind = table.chunkKinds[chunk] as IdKind;
      if (!bytesEqual(keys.ids.idOf(kind, bytes), id)) continue;
      builder.addChunk(bytes, kind, id);
      stored += 1;
    }
    await session.settle();
  }
  builder.finish();
  await session.settle();
  return { stored, lost: table.chunkCount - stored };
}

/** The table may be whole in one copy and the blocks in another. */
async function directoryOf(
  pack: PackInfo,
  { mirrors, keys, id }: Repository,
  { monitor, signal }: Context,
): Promise<PackDirectory | undefined> {
  try {
    return await readPackDirectory(pack, { mirrors, keys, repository: id }, signal);
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt', 'NotFound')) throw error;
    const why = `Nothing of pack ${pack.name} could be saved: ${errorMessage(error)}`;
    monitor.problem(new VersionsError('Corrupt', 'PACK_TABLE_DAMAGED', why, { cause: error }));
    return undefined;
  }
}

function openAnywhere(
  block: number,
  copies: readonly BadCopy[],
  directory: PackDirectory,
  { keys }: Repository,
): Uint8Array | undefined {
  const offset = directory.table.blockOffsets[block] ?? 0;
  const length = directory.table.blockStoredBytes[block] ?? 0;
  for (const { bytes } of copies) {
    if (bytes.byteLength < offset + length) continue;
    const plain = openBlock(bytes.subarray(offset, offset + length), block, directory, keys);
    if (plain !== undefined) return plain;
  }
  return undefined;
}

async function copiesOf(
  { mirrors }: Repository,
  name: PackName,
  signal: AbortSignal | undefined,
): Promise<readonly BadCopy[]> {
  const copies: BadCopy[] = [];
  const original = packKey(name);
  for (const mirror of mirrors.mirrors) {
    const keys = [original];
    for await (const { key } of mirror.store.list(`${quarantinePrefix}${original}/`, { signal })) {
      if (quarantinedKey(key) === original) keys.push(key);
    }
    for (const key of keys) {
      try {
        copies.push({ mirror, key, bytes: await mirror.store.get(key, { signal }) });
      } catch (error) {
        if (!isVersionsError(error, 'NotFound', 'Unavailable', 'Denied')) throw error;
      }
    }
  }
  return copies;
}

/** Moves a damaged copy aside: kept first, then taken away. */
async function retire(
  { mirror, key, bytes }: BadCopy,
  { monitor, signal }: Context,
): Promise<void> {
  if (quarantinedKey(key) !== undefined) return;
  try {
    const aside = await setAside(key, bytes, mirror, signal);
    const kept = aside === undefined ? bytes : await mirror.store.get(aside, { signal });
    // Another healer may have made it good since, or it was read badly then.
    const now = await mirror.store.get(key, { signal, isFresh: true });
    const isSame = bytesEqual(kept, bytes) && bytesEqual(now, bytes);
    if (isSame) await mirror.store.delete(key, { signal });
  } catch (error) {
    if (!isVersionsError(error, 'Unavailable', 'Denied', 'NotFound')) throw error;
    monitor.problem(error);
  }
}

async function noteDebts(
  { catalog, mirrors }: Repository,
  names: readonly PackName[],
  { clock }: Context,
): Promise<void> {
  const at = clock.now();
  for (const name of names) {
    for (const { id, store } of mirrors.mirrors) {
      if ((await store.head(packKey(name))) !== undefined) continue;
      await catalog.ledger.setState(packKey(name), id, 'debt', at);
    }
    const detail = 'No good copy was left: what could be read of it was stored anew';
    const object = packKey(name);
    await catalog.ledger.addEvent({ at, kind: 'salvaged', object, by: 'client', detail });
  }
}
