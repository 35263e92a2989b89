import { isVersionsError } from '../errors/index.ts';
import type { Monitor } from '../monitor/index.ts';
import type { VerifyMirrorsResult } from '../verify/index.ts';

export interface EmptyOptions {
  /** The journal was known, every mirror was looked at, and every byte of it was read. */
  readonly isComplete: boolean;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes away damaged copies that earlier runs have set aside, once this one has read everything
 * whole from every mirror. One bad object is reason enough to keep all of them: what was set aside
 * under one name may hold another object. Returns how many went.
 */
export async function emptyQuarantine(
  { listed, bad }: VerifyMirrorsResult,
  { isComplete, monitor, signal }: EmptyOptions,
): Promise<number> {
  if (!isComplete || bad.length > 0) return 0;
  let removed = 0;
  for (const { mirror, quarantined } of listed) {
    for (const key of quarantined) {
      try {
        await mirror.store.delete(key, { signal });
        removed += 1;
      } catch (error) {
        // It is in nobody's way.
        if (!isVersionsError(error, 'Unavailable', 'Denied')) throw error;
      }
    }
  }
  if (removed > 0) {
    const what = removed === 1 ? '1 damaged copy' : `${removed} damaged copies`;
    monitor.note(`${what} set aside earlier: removed, every mirror is whole by now`);
  }
  return removed;
}
