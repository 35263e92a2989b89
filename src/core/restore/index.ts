/**
 * Bringing files back: plan, fetch, write. See `run-restore.ts` for the steps.
 *
 * Invariants:
 * - nothing outside the target is written, whatever a tree says or somebody plants in the way;
 * - a chunk is checked against its id before a byte of it is written;
 * - each block is fetched and decoded once, or twice where two parts of a plan have it in common; a bad copy is read from the next mirror;
 * - memory does not grow with the content: the plan is on disk when it is long, and takes a few
 *   bytes a file.
 */
export type { Overwrite, RestoreOptions, RestoreSummary } from './options.ts';
export { runRestore } from './run-restore.ts';
