import PQueue from 'p-queue';
import { isVersionsError, type VersionsError } from '../errors/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { type GetOptions, throwIfAborted } from '../store/index.ts';
import type { Mirror } from './mirror.ts';
import { mirrorDown } from './mirror-errors.ts';

export interface ChannelOptions {
  readonly monitor: Monitor;
  /** So many failures in a row, and the mirror is down. */
  readonly failuresMax: number;
}

/**
 * All calls to one mirror: so many at once as its store allows, reads before writes that wait. It
 * knows how the mirror does. A mirror that is down gets no more writes in this run; it is read only
 * when the others cannot help.
 */
export class MirrorChannel {
  readonly mirror: Mirror;
  /** Objects that enough others have stored and this mirror has not done with. */
  behind = 0;
  readonly #options: ChannelOptions;
  readonly #queue: PQueue;
  #writeFailures = 0;
  #readFailures = 0;
  #down: VersionsError | undefined;
  #isGone = false;

  constructor(mirror: Mirror, options: ChannelOptions) {
    this.mirror = mirror;
    this.#options = options;
    this.#queue = new PQueue({ concurrency: mirror.store.properties.connectionsMax });
  }

  /** Why the mirror is down for writes, if it is. */
  get down(): VersionsError | undefined {
    return this.#down;
  }

  /** The last reads failed because the mirror did not answer. */
  get isHardToRead(): boolean {
    return this.#readFailures >= this.#options.failuresMax;
  }

  /** The mirror turned out to be gone: what it said that it stored is stored nowhere. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Gives the mirror up for writes, also for those that are on their way to it. */
  giveUp(why: VersionsError): void {
    this.#isGone = true;
    this.#down = mirrorDown(this.mirror.name, why);
    this.#options.monitor.note(this.#down.message);
  }

  async write(
    key: string,
    parts: readonly Uint8Array[],
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    await this.#queue.add(async () => {
      throwIfAborted(options.signal);
      // It may have gone down while this waited.
      if (this.#down !== undefined) throw this.#down;
      try {
        await this.mirror.store.put(key, parts, { signal: options.signal });
        // Perhaps into a place that had been emptied.
        const down = this.#isGone ? this.down : undefined;
        if (down !== undefined) throw down;
        this.#writeFailures = 0;
      } catch (error) {
        // Before the next one in the queue begins.
        this.#judgeWrite(error);
        throw error;
      }
    });
  }

  /**
   * The bytes of an object. Undefined if the mirror stopped answering while this waited for its
   * turn: the others are to be asked first.
   */
  async read(key: string, options: GetOptions): Promise<Uint8Array | undefined> {
    const { range } = options;
    const wasHard = this.isHardToRead;
    return this.#queue.add(
      async () => {
        throwIfAborted(options.signal);
        if (this.isHardToRead && !wasHard) return undefined;
        try {
          const bytes = await this.mirror.store.get(key, { range, signal: options.signal });
          this.#readFailures = 0;
          return bytes;
        } catch (error) {
          this.#judgeRead(error);
          throw error;
        }
      },
      { priority: 1 },
    );
  }

  #judgeRead(error: unknown): void {
    const isAnswer = isVersionsError(error) && error.code === 'OBJECT_ARCHIVED';
    if (isAnswer || isVersionsError(error, 'NotFound')) this.#readFailures = 0;
    if (isAnswer) return;
    if (!isVersionsError(error, 'Unavailable')) return;
    this.#readFailures += lasting.has(error.code) ? this.#options.failuresMax : 1;
  }

  #judgeWrite(error: unknown): void {
    if (this.#down !== undefined || !isVersionsError(error)) return;
    if (error.kind === 'Cancelled' || error.kind === 'Internal') return;
    this.#writeFailures += 1;
    if (!lasting.has(error.code) && this.#writeFailures < this.#options.failuresMax) return;
    this.#down = mirrorDown(this.mirror.name, error);
    this.#options.monitor.note(this.#down.message);
  }
}

/** One of these is enough: it would not be otherwise a moment later. */
const lasting: ReadonlySet<string> = new Set([
  'STORE_FULL',
  'STORE_ABSENT',
  'STORE_CREDENTIALS_EXPIRED',
  'STORE_CREDENTIALS_MISSING',
  'STORE_CREDENTIALS_REFUSED',
  'MIRROR_STALLED',
]);
