import { constants, createZstdCompress, createZstdDecompress, type ZstdOptions } from 'node:zlib';

/** What is used of Node's zstd streams besides their documented methods. */
interface ZstdInternals {
  readonly _handle: {
    // oxlint-disable-next-line max-params -- Node's own
    writeSync(
      flush: number,
      input: Uint8Array,
      inputOffset: number,
      inputBytes: number,
      output: Uint8Array,
      outputOffset: number,
      outputBytes: number,
    ): void;
  } | null;
  /** Bytes of output and of input that the last call left. */
  readonly _writeState: Uint32Array;
}

/** Where it was tried: another Node may take other arguments, or end the process over them. */
const isKnown = process.version.startsWith('v24.');
const notSaid = 0xffffffff;

/**
 * A zstd context that serves for many frames, one after another, into memory that is there already.
 * Node's own one-shot calls make a context and an output buffer for each frame, which costs as much
 * as a sixth of the time; its streams can do without, but have no documented call that returns at
 * once. Whatever goes wrong, the caller uses the one-shot call, which says what it is.
 */
export class ZstdContext {
  readonly #make: () => unknown;
  #internals: ZstdInternals | undefined;
  #isUsable: boolean = isKnown;

  private constructor(make: () => unknown) {
    this.#make = make;
  }

  static compressing(options: ZstdOptions): ZstdContext {
    return new ZstdContext(() => createZstdCompress(options).on('error', ignore));
  }

  static decompressing(): ZstdContext {
    return new ZstdContext(() => createZstdDecompress().on('error', ignore));
  }

  /**
   * Makes one frame of all of `input`, or decodes the one that it is, at the beginning of `output`;
   * returns how many bytes that took. Undefined if it failed or `output` was too small by a byte:
   * what `output` then holds is nothing.
   */
  run(input: Uint8Array, output: Uint8Array): number | undefined {
    if (!this.#isUsable) return undefined;
    try {
      this.#internals ??= internalsOf(this.#make());
      const { _handle: handle, _writeState: state } = this.#internals ?? {};
      if (!handle || !state) return this.#giveUp();
      // A call that fails leaves them as they are.
      state.fill(notSaid);
      const { byteLength } = output;
      handle.writeSync(constants.ZSTD_e_end, input, 0, input.byteLength, output, 0, byteLength);
      const [left = 0, unread = 1] = state;
      if (unread === 0 && left > 0 && left < byteLength) return byteLength - left;
    } catch {
      return this.#giveUp();
    }
    // In the middle of a frame, maybe: the next one needs a fresh context.
    this.#internals = undefined;
    return undefined;
  }

  #giveUp(): undefined {
    this.#isUsable = false;
    this.#internals = undefined;
  }
}

/** What fails is told by `run`. Without a listener it would end the process. */
function ignore(): void {}

/** Undefined unless the stream is made as it was when this was written. */
function internalsOf(stream: unknown): ZstdInternals | undefined {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- looked at before it is used
  const found = stream as Partial<ZstdInternals>;
  const isFit =
    typeof found._handle?.writeSync === 'function' && found._writeState instanceof Uint32Array;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return isFit ? (stream as ZstdInternals) : undefined;
}
