/**
 * zstd, and whether it is worth it: blocks and payloads to what is stored, and back.
 *
 * Invariants: what does not become smaller by a margin is stored as it is; decompression gives
 * exactly the promised length or fails, never takes memory for more than that, and accepts one plain
 * frame and nothing before, between or behind.
 */
export * from './compress-block.ts';
export * from './decompress.ts';
