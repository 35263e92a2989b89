import { memoryOf, processTree } from './process-tree.ts';

const sampleMs = 20;
/** Finding new processes costs one read per thread, so it is done less often. */
const samplesPerTree = 5;

/**
 * Watches the memory of a process and everything below it, by samples.
 *
 * The peak is the larger of two: the highest sum over all processes in one sample, and the highest
 * peak that the kernel noted for a single process, which no sample can miss before its last 20 ms.
 */
export class MemoryWatch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #tree: readonly number[];
  #samples = 0;
  #peak = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#tree = [pid];
    this.#timer = setInterval(() => this.#sample(), sampleMs);
    this.#sample();
  }

  /** Ends the watch. Undefined where the system does not tell about processes. */
  stop(): number | undefined {
    clearInterval(this.#timer);
    return this.#peak === 0 ? undefined : this.#peak;
  }

  #sample(): void {
    if (this.#samples % samplesPerTree === 0) this.#tree = processTree(this.#pid);
    this.#samples += 1;
    let sum = 0;
    for (const pid of this.#tree) {
      const memory = memoryOf(pid);
      if (memory === undefined) continue;
      sum += memory.resident;
      this.#peak = Math.max(this.#peak, memory.peak);
    }
    this.#peak = Math.max(this.#peak, sum);
  }
}
