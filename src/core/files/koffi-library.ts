import { getSystemErrorName } from 'node:util';
import { assert } from '../errors/index.ts';

/** What is used of koffi. */
export interface Koffi {
  load(path: null): NativeLibrary;
  errno(): number;
}

export interface NativeLibrary {
  func(definition: string): NativeFunction;
}

export type NativeFunction = (...values: readonly unknown[]) => number;

/** What a C function takes for a path or descriptor. A NUL within would cut it short in silence. */
export function terminated(path: string | Buffer | number): string | Buffer | number {
  if (typeof path === 'number') return path;
  if (typeof path === 'string') {
    assert(!path.includes('\0'), 'A path holds a NUL');
    return path;
  }
  assert(!path.includes(0), 'A path holds a NUL');
  const bytes = Buffer.alloc(path.length + 1);
  bytes.set(path);
  return bytes;
}

export function throwIfFailed(koffi: Koffi, result: number, call: string): void {
  if (result < 0) throw failure(koffi, call);
}

/** The error that the last call left in `errno`, in the shape of `node:fs`. */
export function failure(koffi: Koffi, call: string): Error {
  const errno = -koffi.errno();
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${code}: ${call} failed`), { code, errno, syscall: call });
}

export function isOneOf(error: Error, ...codes: readonly string[]): boolean {
  return 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}
