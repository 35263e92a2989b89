import { isObjectHash, type ObjectHash } from '../base/index.ts';

/** The parts of a mirror (docs/format.md section 2) whose objects every mirror must hold. */
export type MirrorPart = 'config' | 'marker' | 'key' | 'pack' | 'entry' | 'payload' | 'checkpoint';

/** What the key of an object says about it, without reading it. */
export interface ObjectName {
  readonly part: MirrorPart;
  /** SHA-256 of its bytes; undefined for `config` and `mirror`, which carry theirs inside. */
  readonly hash: ObjectHash | undefined;
}

/** Damaged copies that were set aside lie below this, under their own key and hash. */
export const quarantinePrefix = 'quarantine/';

const patterns: readonly (readonly [MirrorPart, RegExp])[] = [
  ['pack', /^packs\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/],
  ['entry', /^journal\/([0-9a-f]{32})\/\d{12}-([0-9a-f]{64})$/],
  ['key', /^(keys)\/([0-9a-f]{64})$/],
  ['payload', /^(payloads)\/([0-9a-f]{64})$/],
  ['checkpoint', /^(checkpoints)\/([0-9a-f]{64})$/],
];

/** The name of an object; undefined if nothing that a mirror must hold can have this key. */
export function parseObjectName(key: string): ObjectName | undefined {
  if (key === 'config') return { part: 'config', hash: undefined };
  if (key === 'mirror') return { part: 'marker', hash: undefined };
  for (const [part, pattern] of patterns) {
    const hash = pattern.exec(key)?.[2];
    if (hash !== undefined && isObjectHash(hash)) return { part, hash };
  }
  return undefined;
}

/** Where a damaged copy of `key` whose bytes have this hash is set aside. */
export function quarantineKey(key: string, hash: ObjectHash): string {
  return `${quarantinePrefix}${key}/${hash}`;
}

/** The key of the object that a quarantined copy was of; undefined for what is none. */
export function quarantinedKey(key: string): string | undefined {
  if (!key.startsWith(quarantinePrefix)) return undefined;
  const slash = key.lastIndexOf('/');
  const original = key.slice(quarantinePrefix.length, slash);
  const isCopy = isObjectHash(key.slice(slash + 1)) && parseObjectName(original) !== undefined;
  return isCopy ? original : undefined;
}
