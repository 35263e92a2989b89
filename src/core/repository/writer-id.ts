import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isWriterId, newId, type Random, replaceFileSync, type WriterId } from '../base/index.ts';
import type { Catalog } from '../catalog/index.ts';
import { metaKeys } from './meta-keys.ts';

/**
 * The id under which this machine writes to the repository. It stands in the catalog, which knows
 * one machine only; where machines share the catalog, in the cache directory. Lost, there is a new
 * one: nothing depends on its staying the same.
 */
export async function writerIdOf(
  catalog: Catalog,
  place: { readonly cacheDir: string; readonly readOnly: boolean },
  random: Random,
): Promise<WriterId> {
  const path = join(place.cacheDir, 'writer');
  const known = catalog.isShared ? readText(path) : await catalog.getMeta(metaKeys.writer);
  if (typeof known === 'string' && isWriterId(known)) return known;
  const writer = newId(random);
  if (place.readOnly) return writer;
  if (!catalog.isShared) await catalog.setMeta(metaKeys.writer, writer);
  else replaceFileSync(path, writer);
  return writer;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
