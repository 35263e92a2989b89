/**
 * What a bucket has to know about the layout of a mirror (docs/format.md section 2): which keys hold
 * the hash of their object, which objects nobody may delete for a while, and which may be kept where
 * reading is dear.
 */
const contentKey = /^(?:packs\/[0-9a-f]{2}|keys|payloads|checkpoints)\/([0-9a-f]{64})$/;
const entryKey = /^journal\/[0-9a-f]{32}\/\d{12}-([0-9a-f]{64})$/;

/** The SHA-256, in hexadecimal, that the bytes under this key must have; undefined: any may lie there. */
export function contentHashOf(key: string): string | undefined {
  return (contentKey.exec(key) ?? entryKey.exec(key))?.[1];
}

/**
 * Whether the object is a pack of file data: seldom read, and most of what there is. Everything else
 * is needed to find one's way, and packs of trees are read by every check.
 */
export function isDataPack(key: string, bytes: Uint8Array): boolean {
  const isHeaded = Buffer.from(bytes.subarray(0, 8)).toString('latin1') === 'VERSIONS';
  return key.startsWith('packs/') && isHeaded && bytes[9] === 1;
}

/** Whether the object is one that a lock is for. */
export function isLockedKey(key: string): boolean {
  return /^(?:packs|journal|payloads|checkpoints)\//.test(key);
}
