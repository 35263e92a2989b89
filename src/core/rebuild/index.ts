/**
 * The catalog made again: from the journals of the mirrors, else from the packs alone; compared
 * with what the mirrors hold; and copied to another place.
 *
 * Invariants:
 * - nothing that a mirror holds is changed or removed: entries are appended, in a new lineage that
 *   names its parent;
 * - what no holder of the keys has written never counts;
 * - a run that was killed at any moment goes on where it stopped when it is run again;
 * - a catalog file that was there is kept beside the new one.
 */
export { copyCatalog, type CopiedCatalog, type CatalogCopyOptions } from './copy-catalog.ts';
export { rebuildCatalog, type Rebuilt, type RebuildOptions } from './rebuild-catalog.ts';
export { verifyCatalog, type VerifiedCatalog } from './verify-catalog.ts';
