import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** More made no difference in time, in the main thread as in workers. */
const enoughBytes = 8_000_000;
/** Where it was tried: what another Node does not know it would complain about. */
const isKnown = /^v2[4-6]\./.test(process.version);
let done = false;

/**
 * Keeps the part of this process's memory where short-lived objects are from growing further, once
 * it is large enough; to be called now and then. V8 would let it grow to 64 MB in the main thread,
 * which makes 50 MB of the peak and saves no time. For worker threads there is a limit to give them
 * when they are started; for the main thread there is only this.
 */
export function limitYoungGeneration(): void {
  if (done || !isKnown || youngBytes() < enoughBytes) return;
  done = true;
  // Read each time it would grow, which makes it safe to set at any time.
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Bytes that are taken for short-lived objects in this thread. */
export function youngBytes(): number {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return space?.physical_space_size ?? 0;
}
