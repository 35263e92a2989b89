import type { VersionsError } from '../../src/core/index.ts';

/** Why a machine may be refused to write: another one does, or its catalog is not whole. */
export const refusals: ReadonlySet<string> = new Set([
  'FOREIGN_LINEAGE',
  'TAKE_OVER_NEEDED',
  'CONNECT_UNFINISHED',
  'CATALOG_MISSING',
  'CATALOG_EMPTY',
  'HISTORY_FORKED',
]);

/** What a machine ends with that knows of entries which no mirror shows now. */
export const unseen: ReadonlySet<string> = new Set(['HISTORY_INCOMPLETE', 'HISTORY_ROLLED_BACK']);

/** An error with its reason, for people. */
export function describe({ code, message, cause }: VersionsError): string {
  return `${code} ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`;
}
