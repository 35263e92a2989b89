const magic = 0xfd2fb528;
const windowBytesMax = 8 * 1024 * 1024;
const blockBytesMax = 128 * 1024;
const reservedBlockType = 3;
const runBlockType = 1;

/** What the outside of a zstd frame tells (RFC 8878 section 3.1.1). */
export interface ZstdFrame {
  /** Bytes of the whole frame. */
  readonly frameBytes: number;
  /** Bytes after decoding, if the frame tells. */
  readonly contentBytes: number | undefined;
}

/**
 * Walks over one frame without decoding it, or gives undefined if the bytes do not begin with a whole
 * one, if it needs a dictionary, or if it asks for more memory than format 1 allows. Exists because
 * decoders pass over what follows a frame, and decode further frames, in silence.
 */
export function readZstdFrame(bytes: Uint8Array): ZstdFrame | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 6 || view.getUint32(0, true) !== magic) return undefined;
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const reservedOrDictionary = (descriptor & 0x0b) !== 0;
  if (reservedOrDictionary) return undefined;
  let at = 5;
  if (!singleSegment) {
    const window = view.getUint8(at);
    const base = 2 ** (10 + (window >> 3));
    if (base + (base / 8) * (window & 7) > windowBytesMax) return undefined;
    at++;
  }
  const sizeField = contentSizeField(descriptor, singleSegment);
  if (at + sizeField > bytes.byteLength) return undefined;
  const contentBytes = readContentSize(view, at, sizeField);
  const blocksEnd = skipBlocks(view, at + sizeField);
  if (blocksEnd === undefined) return undefined;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const frameBytes = blocksEnd + (hasChecksum ? 4 : 0);
  return frameBytes <= bytes.byteLength ? { frameBytes, contentBytes } : undefined;
}

function contentSizeField(descriptor: number, singleSegment: boolean): number {
  const flag = descriptor >> 6;
  if (flag === 0) return singleSegment ? 1 : 0;
  return 2 ** flag;
}

function readContentSize(view: DataView, at: number, sizeField: number): number | undefined {
  switch (sizeField) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    case 8:
      return Number(view.getBigUint64(at, true));
    default:
      return undefined;
  }
}

function skipBlocks(view: DataView, start: number): number | undefined {
  let at = start;
  while (at + 3 <= view.byteLength) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >> 1) & 3;
    const blockBytes = header >> 3;
    if (type === reservedBlockType || blockBytes > blockBytesMax) return undefined;
    at += 3 + (type === runBlockType ? 1 : blockBytes);
    if ((header & 1) === 1) return at <= view.byteLength ? at : undefined;
  }
  return undefined;
}
