/** Bytes of arrays that were asked for since `reset`. */
export interface Allowance {
  reset(): void;
  readonly bytes: number;
}

/**
 * From now on counts, in this thread, what is asked for by a length: typed arrays, buffers, plain
 * arrays. A decoder that believes a count asks for that before it knows better.
 */
export function watchAllowance(): Allowance {
  let bytes = 0;
  const count = (length: unknown, bytesEach: number): void => {
    if (typeof length === 'number' && length > 0) bytes += length * bytesEach;
  };
  const kinds: readonly (readonly [keyof typeof globalThis, number])[] = [
    ['Uint8Array', 1],
    ['Uint16Array', 2],
    ['Uint32Array', 4],
    ['Float64Array', 8],
    ['BigUint64Array', 8],
    ['ArrayBuffer', 1],
    ['SharedArrayBuffer', 1],
    ['Array', 8],
  ];
  for (const [name, bytesEach] of kinds) {
    const proxy: unknown = new Proxy(globalThis[name] as object, {
      construct(target, args: unknown[], newTarget): object {
        count(args[0], bytesEach);
        return Reflect.construct(
          target as NewableFunction as never,
          args,
          (newTarget === proxy ? target : newTarget) as never,
        );
      },
    });
    Object.defineProperty(globalThis, name, { value: proxy, configurable: true, writable: true });
  }
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const original = Buffer[name].bind(Buffer) as (size: number, ...rest: never[]) => Buffer;
    Object.defineProperty(Buffer, name, {
      value: (size: number, ...rest: never[]): Buffer => {
        count(size, 1);
        return original(size, ...rest);
      },
    });
  }
  return {
    reset: () => void (bytes = 0),
    get bytes() {
      return bytes;
    },
  };
}
