import { byteStringOf, fsPath, type ByteString } from '../base/index.ts';
import {
  failure,
  isOneOf,
  terminated,
  throwIfFailed,
  type Koffi,
  type NativeFunction,
  type NativeLibrary,
} from './koffi-library.ts';
import type { NativeCalls, NativePlace } from './native-calls.ts';

type XattrCalls = Pick<NativeCalls, 'listXattrs' | 'getXattr' | 'setXattr' | 'removeXattr'>;

const pathOrFd = { '': 'const char *path', l: 'const char *path', f: 'int fd' } as const;

/** One function in its three forms: follows, does not, takes a descriptor. */
interface Forms {
  readonly follow: NativeFunction;
  readonly own: NativeFunction;
  readonly open: NativeFunction;
}

/** Extended attributes. `int64_t` for ssize_t and size_t, which are so wide where this is used. */
export function koffiXattrs(koffi: Koffi, library: NativeLibrary): XattrCalls {
  const forms = (result: string, name: string, rest: string): Forms => {
    const form = (prefix: keyof typeof pathOrFd): NativeFunction =>
      library.func(`${result} ${prefix}${name}(${pathOrFd[prefix]}, ${rest})`);
    return { follow: form(''), own: form('l'), open: form('f') };
  };
  const list = forms('int64_t', 'listxattr', 'void *list, int64_t size');
  const get = forms('int64_t', 'getxattr', 'const char *name, void *value, int64_t size');
  const set = forms(
    'int',
    'setxattr',
    'const char *name, const void *value, int64_t size, int flags',
  );
  const remove = forms('int', 'removexattr', 'const char *name');
  const pick = (all: Forms, place: NativePlace, follow: boolean): NativeFunction =>
    typeof place === 'number' ? all.open : follow ? all.follow : all.own;

  return {
    listXattrs(place, follow) {
      const call = pick(list, place, follow);
      const at = terminated(place);
      return namesIn(filled(koffi, (buffer) => call(at, buffer, buffer.length)));
    },
    getXattr(place, name, follow) {
      const call = pick(get, place, follow);
      const at = terminated(place);
      const key = terminated(fsPath(name));
      return copyOf(filled(koffi, (buffer) => call(at, key, buffer, buffer.length)));
    },
    setXattr(place, { name, value }, follow) {
      const call = pick(set, place, follow);
      const key = terminated(fsPath(name));
      throwIfFailed(koffi, call(terminated(place), key, value, value.byteLength, 0), 'setxattr');
    },
    removeXattr(place, name, follow) {
      const call = pick(remove, place, follow);
      throwIfFailed(koffi, call(terminated(place), terminated(fsPath(name))), 'removexattr');
    },
  };
}

/** The kernel's limit is 64 KiB for a value and for the list; another system may have more. */
const xattrBytesMax = 16 * 1024 * 1024;
const scratch = Buffer.allocUnsafe(4096);

/** Calls with a buffer that is enlarged until the answer fits; undefined if there is nothing. */
function filled(koffi: Koffi, fill: (buffer: Buffer) => number): Buffer | undefined {
  for (let buffer = scratch; ; buffer = Buffer.allocUnsafe(buffer.length * 16)) {
    const length = fill(buffer);
    if (length >= 0) return buffer.subarray(0, length);
    const error = failure(koffi, 'getxattr');
    if (isOneOf(error, 'ENODATA', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) return undefined;
    if (!isOneOf(error, 'ERANGE') || buffer.length > xattrBytesMax) throw error;
  }
}

/** Each name in the list ends in a NUL. */
function namesIn(list: Buffer | undefined): readonly ByteString[] {
  if (list === undefined || list.length === 0) return [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- parts of a byte string
  return byteStringOf(list).split('\0').slice(0, -1) as ByteString[];
}

/** Because the scratch buffer is used again. */
function copyOf(value: Buffer | undefined): Buffer | undefined {
  return value && Buffer.from(value);
}
