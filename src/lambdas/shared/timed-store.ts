import {
  type Clock,
  ForwardingStore,
  type GetOptions,
  type ObjectStore,
} from '../../core/index.ts';

/** A store that remembers how fast it has answered. */
export class TimedStore extends ForwardingStore {
  readonly #clock: Clock;
  #latencyMs = Number.POSITIVE_INFINITY;

  constructor(inner: ObjectStore, clock: Clock) {
    super(inner);
    this.#clock = clock;
  }

  /** The shortest time in which it gave an object; infinite if it gave none. */
  get latencyMs(): number {
    return this.#latencyMs;
  }

  override async get(key: string, options?: GetOptions): Promise<Uint8Array> {
    const start = this.#clock.now();
    const bytes = await super.get(key, options);
    this.#latencyMs = Math.min(this.#latencyMs, Math.max(0, this.#clock.now() - start));
    return bytes;
  }
}
