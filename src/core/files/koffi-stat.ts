import { kindOfMode } from './file-kind.ts';
import type { FileStat } from './file-stat.ts';
import { terminated, type NativeFunction, type NativeLibrary } from './koffi-library.ts';
import type { NativeCalls } from './native-calls.ts';

type StatCalls = Pick<NativeCalls, 'lstatIn' | 'statOpen'>;

const symlinkNoFollow = 0x100;
const emptyPath = 0x1000;
/** `STATX_BASIC_STATS` and `STATX_BTIME`. */
const basic = 0x7ff;
const birth = 0x800;
const structBytes = 256;

/**
 * `statx` for Linux on little-endian machines, or nothing where the C library is too old for it:
 * numbers are taken from the kernel's own layout, which saves half of the time of `node:fs`, and
 * a name in an open directory needs no walk along its path.
 */
export function koffiStat(library: NativeLibrary): StatCalls {
  let statx: NativeFunction;
  try {
    statx = library.func(
      'int statx(int dir, const char *path, int flags, unsigned int mask, void *stat)',
    );
  } catch {
    return { lstatIn: () => undefined, statOpen: () => undefined };
  }
  const reader = new StatxReader();
  const call = (
    directory: number,
    name: ReturnType<typeof terminated>,
    flags: number,
  ): FileStat | undefined => {
    const failed = statx(directory, name, flags, basic | birth, reader.bytes) !== 0;
    return failed ? undefined : reader.read();
  };
  const noName = Buffer.alloc(1);
  return {
    lstatIn: (directory, name) => call(directory, terminated(name), symlinkNoFollow),
    statOpen: (fd) => call(fd, noName, emptyPath),
  };
}

/** Reads `struct statx`, whose layout is the same on every machine. */
class StatxReader {
  readonly bytes: Uint8Array = new Uint8Array(structBytes);
  readonly #words: Uint32Array = new Uint32Array(this.bytes.buffer);
  readonly #inodes: BigUint64Array = new BigUint64Array(this.bytes.buffer, 32, 1);
  /** Most files are on the device of the one before. */
  #device: { readonly major: number; readonly minor: number; readonly number: bigint } = {
    major: 0,
    minor: 0,
    number: 0n,
  };

  /** Undefined if the kernel left out what it must tell, or the kind is unknown. */
  read(): FileStat | undefined {
    const mode = this.#word(28) & 0xffff;
    const kind = kindOfMode(mode);
    const mask = this.#word(0);
    if (kind === undefined || (mask & basic) !== basic) return undefined;
    const birthSeconds = this.#seconds(80);
    const birthNanos = this.#word(88);
    const hasBirth =
      (mask & birth) !== 0 && (birthSeconds > 0 || (birthSeconds === 0 && birthNanos > 0));
    const isDevice = kind === 'character-device' || kind === 'block-device';
    return {
      kind,
      size: this.#long(40),
      mode: mode & 0o7777,
      mtimeSeconds: this.#seconds(112),
      mtimeNanos: this.#word(120),
      ctimeSeconds: this.#seconds(96),
      ctimeNanos: this.#word(104),
      birthtimeSeconds: hasBirth ? birthSeconds : undefined,
      birthtimeNanos: hasBirth ? birthNanos : undefined,
      uid: this.#word(20),
      gid: this.#word(24),
      dev: this.#deviceNumber(this.#word(136), this.#word(140)),
      ino: this.#inodes[0] ?? 0n,
      linkCount: this.#word(16),
      rdevMajor: isDevice ? this.#word(128) : 0,
      rdevMinor: isDevice ? this.#word(132) : 0,
      allocatedBytes: this.#long(48) * 512,
    };
  }

  #word(offset: number): number {
    return this.#words[offset / 4] ?? 0;
  }

  #long(offset: number): number {
    return this.#word(offset + 4) * 0x1_0000_0000 + this.#word(offset);
  }

  /** Signed: there are files from before 1970. */
  #seconds(offset: number): number {
    return (this.#word(offset + 4) | 0) * 0x1_0000_0000 + this.#word(offset);
  }

  #deviceNumber(major: number, minor: number): bigint {
    if (this.#device.major !== major || this.#device.minor !== minor) {
      this.#device = { major, minor, number: deviceNumber(major, minor) };
    }
    return this.#device.number;
  }
}

/** `makedev` of Linux. */
export function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xfffff000n) << 32n) |
    ((high & 0xfffn) << 8n) |
    ((low & 0xffffff00n) << 12n) |
    (low & 0xffn)
  );
}
