import { type Clock, systemClock } from '../base/index.ts';
import { raceAbort } from './cancel.ts';
import { ForwardingStore } from './forwarding-store.ts';
import type {
  CallOptions,
  GetOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
} from './object-store.ts';
import type { StoreCall, StoreMethod } from './recording-store.ts';

/** What goes wrong with one call; several things may. */
export interface Fault {
  /** Wait before anything else. */
  readonly delayMs?: number | undefined;
  /** Wait for this too. */
  readonly until?: Promise<unknown> | undefined;
  /** Throw this; nothing reaches the store. A listing throws it behind `listed` objects. */
  readonly error?: Error | undefined;
  readonly listed?: number | undefined;
  /** Throw this after the store has done its work: the answer is lost. */
  readonly lostAnswer?: Error | undefined;
  /** Of what `get` reads, give only so many bytes. */
  readonly shortTo?: number | undefined;
  /** Of what `get` reads, flip a bit of the byte at this offset (modulo the length). */
  readonly flipAt?: number | undefined;
}

/** One fault in the script, being described. */
export class FaultScript {
  skipsLeft = 0;
  timesLeft = 1;
  fault: Fault = {};
  readonly matches: (call: StoreCall) => boolean;

  constructor(matches: (call: StoreCall) => boolean) {
    this.matches = matches;
  }

  fails(error: Error): this {
    return this.#with({ error });
  }
  losesAnswer(error: Error): this {
    return this.#with({ lostAnswer: error });
  }
  readsOnly(bytes: number): this {
    return this.#with({ shortTo: bytes });
  }
  flipsByteAt(offset: number): this {
    return this.#with({ flipAt: offset });
  }
  waits(delayMs: number): this {
    return this.#with({ delayMs });
  }
  waitsFor(promise: Promise<unknown>): this {
    return this.#with({ until: promise });
  }
  /** A listing gives this many objects before its error. */
  afterObjects(count: number): this {
    return this.#with({ listed: count });
  }
  /** The first `count` calls that match pass. */
  after(count: number): this {
    this.skipsLeft = count;
    return this;
  }
  times(count: number): this {
    this.timesLeft = count;
    return this;
  }
  always(): this {
    return this.times(Number.POSITIVE_INFINITY);
  }

  #with(fault: Fault): this {
    this.fault = { ...this.fault, ...fault };
    return this;
  }
}

/**
 * A store that goes wrong as a script says: `store.on('put').losesAnswer(error).after(2).times(3)`.
 * The first line of the script that matches a call and is not used up decides; what no line matches
 * is left to `otherwise`, for faults drawn at random.
 */
export class FaultyStore extends ForwardingStore {
  otherwise: ((call: StoreCall) => Fault | undefined) | undefined;
  readonly #clock: Clock;
  readonly #script: FaultScript[] = [];

  constructor(inner: ObjectStore, clock: Clock = systemClock) {
    super(inner);
    this.#clock = clock;
  }

  on(method: StoreMethod | 'any', key: string | RegExp = /(?:)/): FaultScript {
    const script = new FaultScript(
      (call) =>
        (method === 'any' || method === call.method) &&
        (typeof key === 'string' ? key === call.key : key.test(call.key)),
    );
    this.#script.push(script);
    return script;
  }

  /** Drops the script: from now on all is well. */
  heal(): void {
    this.#script.length = 0;
    this.otherwise = undefined;
  }

  override put(key: string, parts: readonly Uint8Array[], options: PutOptions = {}): Promise<void> {
    return this.#run({ method: 'put', key }, options, () => this.inner.put(key, parts, options));
  }

  override async get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    const call: StoreCall = { method: 'get', key, range: options.range };
    return this.#run(call, options, async (fault) => {
      const bytes = await this.inner.get(key, options);
      if (fault.flipAt !== undefined && bytes.byteLength > 0) {
        const offset = fault.flipAt % bytes.byteLength;
        bytes[offset] = (bytes[offset] ?? 0) ^ 1;
      }
      return fault.shortTo === undefined ? bytes : bytes.slice(0, fault.shortTo);
    });
  }

  override head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#run({ method: 'head', key }, options, () => this.inner.head(key, options));
  }

  override async *list(
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const fault = this.#next({ method: 'list', key: prefix });
    await this.#wait(fault, options.signal);
    let left = fault.error === undefined ? Number.POSITIVE_INFINITY : (fault.listed ?? 0);
    if (left > 0) {
      for await (const info of this.inner.list(prefix, options)) {
        yield info;
        left -= 1;
        if (left === 0) break;
      }
    }
    const error = fault.error ?? fault.lostAnswer;
    if (error !== undefined) throw error;
  }

  override delete(key: string, options: CallOptions = {}): Promise<void> {
    return this.#run({ method: 'delete', key }, options, () => this.inner.delete(key, options));
  }

  async #run<T>(
    call: StoreCall,
    options: CallOptions,
    work: (fault: Fault) => Promise<T>,
  ): Promise<T> {
    const fault = this.#next(call);
    await this.#wait(fault, options.signal);
    if (fault.error !== undefined) throw fault.error;
    const result = await work(fault);
    if (fault.lostAnswer !== undefined) throw fault.lostAnswer;
    return result;
  }

  #next(call: StoreCall): Fault {
    for (const script of this.#script) {
      if (!script.matches(call) || script.timesLeft <= 0) continue;
      if (script.skipsLeft > 0) {
        script.skipsLeft -= 1;
        continue;
      }
      script.timesLeft -= 1;
      return script.fault;
    }
    return this.otherwise?.(call) ?? {};
  }

  async #wait(fault: Fault, signal: AbortSignal | undefined): Promise<void> {
    if (fault.until !== undefined) await raceAbort(fault.until, signal);
    if (fault.delayMs === undefined) return;
    await raceAbort(this.#clock.sleep(fault.delayMs, signal), signal);
  }
}
