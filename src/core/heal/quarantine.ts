import { objectHashOf, quarantineKey } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';

/**
 * Keeps what a damaged copy holds under `quarantine/`, so that nothing is lost by mending; it stays
 * until a later run has verified the object. Returns where; undefined if there was nothing in it.
 */
export async function setAside(
  key: string,
  bytes: Uint8Array,
  mirror: Mirror,
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (bytes.byteLength === 0) return undefined;
  const aside = quarantineKey(key, objectHashOf(bytes));
  const known = await mirror.store.head(aside, { signal });
  if (known?.bytes !== bytes.byteLength) await mirror.store.put(aside, [bytes], { signal });
  return aside;
}
