/** Limits of the stored format (docs/format.md). A reader refuses what lies beyond them. */
export const packBytesMax: number = 256 * 1024 * 1024;
export const blockPlainBytesMax: number = 32 * 1024 * 1024;
export const chunkBytesMax: number = 16 * 1024 * 1024;
export const packChunksMax: number = 1 << 20;
export const packBlocksMax: number = 1 << 16;
export const payloadBytesMax: number = 64 * 1024 * 1024;
/** A payload object of more bytes does not go into a checkpoint with its entry. */
export const checkpointPayloadBytesMax: number = 4 * 1024 * 1024;
export const nameBytesMax = 4096;
export const pageLevelsMax = 16;
export const inlineFileBytesMax = 256;
export const entryChunksMax = 64;
export const inlineXattrBytesMax = 4096;
