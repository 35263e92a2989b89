/**
 * The catalog: the journal's rows in one gap-free order, a few named values, and the ledger. Here
 * in memory and in an SQLite file; docs/journal.md has the tables and what each guarantees.
 *
 * Invariants:
 * 1. A row is added only behind the tip that its writer names, in one transaction that checks it;
 *    of several clients with the same view exactly one wins.
 * 2. Rows are never changed or removed; clearing drops payloads only.
 * 3. When an append has resolved, the row survives a power cut.
 * 4. Nothing that the file says is believed blindly: values of the wrong kind, gaps and foreign
 *    files are errors, and a file of another program is never written to.
 * 5. No read holds the file between two of its steps, so that a slow reader stops no writer.
 */
export * from './catalog.ts';
export * from './ledger.ts';
export type { Lease, Leases, LeaseTerm } from './leases.ts';
export { openCatalog, parseCatalogUrl } from './catalog-url.ts';
export type { CatalogPlace, OpenCatalogOptions } from './catalog-url.ts';
export { MemoryCatalog } from './memory-catalog.ts';
