import { errorMessage, isVersionsError } from '../errors/index.ts';
import { quarantinePrefix } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';

/** A mirror and what it lists. */
export interface ListedMirror {
  readonly mirror: Mirror;
  /** Bytes by key, without what lies in quarantine. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Keys of damaged copies that were set aside. */
  readonly quarantined: readonly string[];
}

/** Why a mirror could not be listed. Nothing is known of its copies then. */
export interface UnlistedMirror {
  readonly mirror: Mirror;
  readonly detail: string;
}

/** Lists everything in a mirror. */
export async function listMirror(
  mirror: Mirror,
  signal?: AbortSignal,
): Promise<ListedMirror | UnlistedMirror> {
  const sizes = new Map<string, number>();
  const quarantined: string[] = [];
  try {
    for await (const { key, bytes } of mirror.store.list('', { signal })) {
      if (key.startsWith(quarantinePrefix)) quarantined.push(key);
      else sizes.set(key, bytes);
    }
    return { mirror, sizes, quarantined };
  } catch (error) {
    if (signal?.aborted || !isVersionsError(error, 'Unavailable', 'Denied', 'NotFound', 'Corrupt'))
      throw error;
    return { mirror, detail: `It cannot be listed: ${errorMessage(error)}` };
  }
}
