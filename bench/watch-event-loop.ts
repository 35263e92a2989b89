/**
 * Imported by `node --import` before our own program: writes to the file `BENCH_EVENT_LOOP`, when it
 * ends, the turns in which the event loop of the main thread was kept for longer than some
 * milliseconds: when each ended, and how long it took by the clock and of processor time.
 */
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env['BENCH_EVENT_LOOP'];
const everyMs = 1;

/** Shorter turns are of no interest. */
const notedMs = 5;

if (isMainThread && file !== undefined) {
  let clock = performance.now();
  let cpu = process.threadCpuUsage();
  const turns: { atMs: number; clockMs: number; cpuMs: number }[] = [];
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(cpu);
    const atMs = performance.now();
    if (atMs - clock > notedMs) {
      turns.push({ atMs, clockMs: atMs - clock, cpuMs: (user + system) / 1000 });
    }
    clock = performance.now();
    cpu = process.threadCpuUsage();
  }, everyMs).unref();
  process.on('exit', () =>
    writeFileSync(file, JSON.stringify({ originMs: performance.timeOrigin, turns })),
  );
}
