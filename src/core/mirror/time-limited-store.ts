import { type Clock, packBytesMax } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import {
  type CallOptions,
  digestIn,
  type FileHasher,
  ForwardingStore,
  type GetOptions,
  type ObjectDigest,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
} from '../store/index.ts';
import { mirrorStalled } from './mirror-errors.ts';
import { withTimeLimit } from './time-limit.ts';

export interface TimeLimitedOptions {
  /** The mirror's, for messages. */
  readonly name: string;
  readonly clock: Clock;
  /** A call that takes longer than this, and a second more for each 64 KiB, has stalled. */
  readonly callMsMax: number;
}

/**
 * Waits for no call for ever: a share or a server that hangs gives `Unavailable` (MIRROR_STALLED),
 * and whoever has other mirrors goes on with them. Of a listing each step has the time of a call.
 */
export class TimeLimitedStore extends ForwardingStore {
  readonly #options: TimeLimitedOptions;

  constructor(inner: ObjectStore, options: TimeLimitedOptions) {
    super(inner);
    this.#options = options;
  }

  override put(key: string, parts: readonly Uint8Array[], options: PutOptions = {}): Promise<void> {
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
    return this.#limit({ what: key, bytes, signal: options.signal }, (signal) =>
      this.inner.put(key, parts, { ...options, signal }),
    );
  }

  override get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    const bytes = options.range?.length ?? 0;
    return this.#limit({ what: key, bytes, signal: options.signal }, (signal) =>
      this.inner.get(key, { ...options, signal }),
    );
  }

  /** See `digestIn`. */
  digest(
    key: string,
    hasher: FileHasher,
    options: CallOptions = {},
  ): Promise<ObjectDigest | undefined> {
    return this.#limit({ what: key, signal: options.signal }, (signal) =>
      digestIn(this.inner, key, hasher, { ...options, signal }),
    );
  }

  override head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#limit({ what: key, signal: options.signal }, (signal) =>
      this.inner.head(key, { ...options, signal }),
    );
  }

  override async *list(
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const { signal } = options;
    const iterator = this.inner.list(prefix, options)[Symbol.asyncIterator]();
    let isStalled = true;
    try {
      for (;;) {
        isStalled = true;
        const step = await this.#limit({ what: `${prefix}…`, signal }, () => iterator.next());
        isStalled = false;
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      const ended = iterator.return?.();
      // It would wait behind the step that hangs.
      if (isStalled) ended?.catch(() => {});
      else await ended;
    }
  }

  override delete(key: string, options: CallOptions = {}): Promise<void> {
    return this.#limit({ what: key, signal: options.signal }, (signal) =>
      this.inner.delete(key, { ...options, signal }),
    );
  }

  #limit<T>(
    call: {
      readonly what: string;
      readonly bytes?: number;
      readonly signal?: AbortSignal | undefined;
    },
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { name, clock, callMsMax } = this.#options;
    const limitMs = callMsMax + Math.min(call.bytes ?? 0, packBytesMax) / bytesPerMs;
    const error = (): VersionsError => mirrorStalled(name, call.what, limitMs);
    return withTimeLimit({ clock, limitMs, error, signal: call.signal }, work);
  }
}

/** 64 KiB a second. */
const bytesPerMs = 65_536 / 1000;
