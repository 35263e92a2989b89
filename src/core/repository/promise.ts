import type { Catalog } from '../catalog/index.ts';
import { metaKeys } from './meta-keys.ts';
import type { Repository } from './repository.ts';

/** Nobody may promise less often than that: a promise that cannot be broken would be none. */
const promiseMsMax = 31 * 86_400_000;

/**
 * Notes in the catalog, in clear, how long this machine means to be silent at most: for whoever
 * watches without a key. Undefined takes it back. Writes only what is new.
 */
export async function notePromise(
  { catalog, writer }: Pick<Repository, 'catalog' | 'writer'>,
  everyMs: number | undefined,
): Promise<void> {
  const key = metaKeys.promise + writer;
  const wanted = everyMs === undefined ? '' : String(everyMs);
  const known = (await catalog.getMeta(key)) ?? '';
  if (known !== wanted) await catalog.setMeta(key, wanted);
}

/** What a machine has promised; undefined if it has not, or nothing that makes sense. */
export async function promiseOf(
  catalog: Pick<Catalog, 'getMeta'>,
  writer: string,
): Promise<number | undefined> {
  const value = await catalog.getMeta(metaKeys.promise + writer);
  if (typeof value !== 'string' || !/^[1-9]\d{0,14}$/.test(value)) return undefined;
  return Math.min(Number(value), promiseMsMax);
}
