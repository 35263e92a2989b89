import { toHex, type ChunkId, type SnapshotId } from '../../src/core/base/index.ts';
import { sealInto, sealTagBytes, type IdKind, type Suite } from '../../src/core/crypto/index.ts';
import {
  blockAad,
  chunkKinds,
  ChunkTableBuilder,
  encodeObjectHeader,
  encodeSnapshotRecord,
  headerBytes,
  packEndBytes,
  packNameOf,
  tablePosition,
  writePackEnd,
} from '../../src/core/format/index.ts';
import { WriteSession, type Repository } from '../../src/core/repository/index.ts';
import { systemRandom } from '../../src/core/index.ts';
import type { SealedPack } from '../../src/core/workers/index.ts';
import { testHost, type TestRepository } from './test-repository.ts';

/** A chunk that somebody who has the keys puts into a pack; the id need not be that of the bytes. */
export interface ForgedChunk {
  readonly kind: keyof typeof chunkKinds;
  readonly id: ChunkId;
  readonly length: number;
}

/** A block as it shall stand in the pack; the table says of it what it is told to. */
export interface ForgedBlock {
  readonly chunks: readonly ForgedChunk[];
  readonly codec: 0 | 1;
  readonly encoded: Uint8Array;
  readonly plainBytes: number;
}

/** Writes what Versions would not, with the keys of the repository. */
export class Forger {
  readonly #repository: Repository;
  readonly #blocks: ForgedBlock[] = [];

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** The id that a chunk of this content must have. */
  idOf(kind: keyof typeof chunkKinds, bytes: Uint8Array): ChunkId {
    return this.#repository.keys.ids.idOf(chunkKinds[kind] satisfies IdKind, bytes);
  }

  /** A chunk in a block of its own, under its own id unless another one is given. */
  put(kind: keyof typeof chunkKinds, bytes: Uint8Array, id?: ChunkId): ChunkId {
    const chunk = { kind, id: id ?? this.idOf(kind, bytes), length: bytes.byteLength };
    this.addBlock({ chunks: [chunk], codec: 0, encoded: bytes, plainBytes: bytes.byteLength });
    return chunk.id;
  }

  addBlock(block: ForgedBlock): void {
    this.#blocks.push(block);
  }

  /** All blocks so far as a tree pack. */
  takePack(): SealedPack {
    const { keys, id } = this.#repository;
    const salt = systemRandom.bytes(32);
    const suite: Suite = keys.suite;
    const header = encodeObjectHeader({
      kind: 'tree-pack',
      suite,
      epoch: keys.epoch,
      repository: id,
      salt,
    });
    const table = new ChunkTableBuilder();
    const parts: Uint8Array[] = [header];
    let tableOffset = headerBytes;
    const key = keys.sealingKey('trees', keys.epoch, salt);
    for (const [position, block] of this.#blocks.splice(0).entries()) {
      for (const { kind, length, id: chunk } of block.chunks)
        table.addChunk(chunkKinds[kind], length, chunk);
      const sealed = new Uint8Array(block.encoded.byteLength + sealTagBytes);
      sealInto(key, position, blockAad(header, position), block.encoded, sealed, 0);
      table.finishBlock(block.codec, sealed.byteLength, block.plainBytes);
      parts.push(sealed);
      tableOffset += sealed.byteLength;
    }
    const plainTable = table.encode();
    const tableBytes = plainTable.byteLength + sealTagBytes;
    const room = packEndBytes(tableOffset + tableBytes, tableBytes) + tableOffset + tableBytes;
    const buffer = new SharedArrayBuffer(room);
    const pack = new Uint8Array(buffer);
    pack.set(Buffer.concat(parts));
    const tableKey = keys.sealingKey('table', keys.epoch, salt);
    sealInto(
      tableKey,
      tablePosition,
      blockAad(header, tablePosition),
      plainTable,
      pack,
      tableOffset,
    );
    const bytes = writePackEnd(pack, tableOffset + tableBytes, tableBytes);
    const name = packNameOf(pack.subarray(0, bytes));
    const chunkCount = table.chunkCount;
    const about = { name, buffer, bytes, tableBytes, tableOffset, chunkCount, salt };
    return { kind: 'tree', ...about, table: plainTable };
  }
}

/**
 * Commits a snapshot whose `/` is the tree that `make` returns, as somebody could who has the keys.
 * The snapshot before it gives everything else.
 */
export async function forgeSnapshot(
  repository: TestRepository,
  make: (forger: Forger) => ChunkId,
): Promise<string> {
  const { summary } = await repository.use(false, async (opened) => {
    const before = [...opened.state.snapshots.values()].at(-1)?.record;
    if (before === undefined) throw new Error('There is no snapshot to go by');
    await opened.loadIndex();
    const forger = new Forger(opened);
    await using session = await WriteSession.begin(opened, { host: testHost });
    const root = make(forger);
    const id = toHex(systemRandom.bytes(16)) as SnapshotId;
    const record = { ...before, id, root, time: before.time + 1 };
    const chunk = forger.put('snapshot', encodeSnapshotRecord(record));
    session.addPack(forger.takePack(), () => {});
    await session.commit(record, chunk);
    await opened.mirrors.drain();
    await opened.saveCaches();
    return id;
  });
  return summary;
}
