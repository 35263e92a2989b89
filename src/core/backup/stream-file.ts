import { inlineFileBytesMax, entryChunksMax, type ByteString } from '../base/index.ts';
import { encodeEntry, ListPageBuilder, type TreeEntry } from '../format/index.ts';
import type { TreeStore } from '../repository/index.ts';
import { ChunkList, type WorkerPool } from '../workers/index.ts';

/** Bytes gathered before a worker gets them. */
const pieceBytes = 16 * 1024 * 1024;

export interface StreamedFile {
  readonly entry: Uint8Array;
  readonly bytes: number;
  readonly bytesNew: number;
}

export interface StreamFileOptions {
  readonly stream: AsyncIterable<Uint8Array>;
  readonly name: ByteString;
  readonly pool: WorkerPool;
  readonly trees: TreeStore;
  /** Seconds since 1970. */
  readonly mtimeSeconds: number;
  readonly uid: number;
  readonly gid: number;
  readonly onBytes: (bytes: number) => void;
}

/** Saves a stream as one file: chunk by chunk, never more than a few pieces in memory. */
export async function storeStream(options: StreamFileOptions): Promise<StreamedFile> {
  const chunks = new ChunkList();
  let bytes = 0;
  let bytesNew = 0;
  let parts: Uint8Array[] = [];
  let gathered = 0;
  let small: Buffer | undefined;
  const send = async (last: boolean): Promise<void> => {
    const piece = Buffer.concat(parts, gathered);
    if (last && bytes <= inlineFileBytesMax) {
      small = piece;
      return;
    }
    if (piece.byteLength === 0) return;
    // Its own memory, so that it moves to the worker instead of being copied.
    const own = new Uint8Array(piece);
    const result = await options.pool.run(
      { type: 'store-bytes', bytes: own, last },
      own.byteLength,
      [own.buffer],
    );
    result.lengths.forEach((length, at) =>
      chunks.add(result.ids.subarray(at * 32, at * 32 + 32), length),
    );
    bytesNew += result.bytesNew;
    parts = result.rest.byteLength > 0 ? [result.rest] : [];
    gathered = result.rest.byteLength;
  };
  for await (const part of options.stream) {
    parts.push(part);
    gathered += part.byteLength;
    bytes += part.byteLength;
    options.onBytes(part.byteLength);
    if (gathered >= pieceBytes) await send(false);
  }
  await send(true);
  const entry: TreeEntry = {
    name: options.name,
    kind: 'file',
    mode: 0o600,
    mtimeSeconds: options.mtimeSeconds,
    mtimeNanos: 0,
    uid: options.uid,
    gid: options.gid,
    size: bytes,
    ...contentOf(chunks, small, options.trees),
  };
  return { entry: encodeEntry(entry), bytes, bytesNew };
}

function contentOf(
  chunks: ChunkList,
  small: Buffer | undefined,
  trees: TreeStore,
): Pick<TreeEntry, 'inline' | 'chunks' | 'lengths' | 'list'> {
  if (small !== undefined) return small.byteLength > 0 ? { inline: new Uint8Array(small) } : {};
  const ids = chunks.idBytes();
  if (chunks.count <= entryChunksMax) {
    return {
      chunks: new Uint8Array(ids),
      ...(chunks.count > 1 ? { lengths: chunks.lengths } : {}),
    };
  }
  const pages = new ListPageBuilder((page) => trees.put('list', page));
  chunks.lengths.forEach((length, at) => pages.add(ids.subarray(at * 32, at * 32 + 32), length));
  return { list: pages.finish() };
}
