/**
 * The worker threads and what runs in them: reading, cutting, hashing, compressing and encrypting
 * on the way in; decrypting, decompressing, checking and writing on the way out.
 *
 * Invariants:
 * - where a file is cut does not depend on the number of threads;
 * - a chunk that is in the index, or claimed by any thread, is not stored a second time;
 * - a worker holds one open pack of each kind, one open block and one reading window; complete
 *   packs are moved to the main thread, and beyond a limit the workers wait for the mirrors;
 * - one file or block that fails is told in the result and stops nothing else.
 */
export { ChunkList } from './chunk-store.ts';
export { entryOfStat, xattrFields } from './entry-of-stat.ts';
export type { MutableEntry } from './entry-of-stat.ts';
export { PackBuilder } from './pack-builder.ts';
export * from './protocol.ts';
export * from './shared-index.ts';
export { metadataOf } from './restore-writer.ts';
export { limitYoungGeneration } from './young-generation.ts';
export { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';
