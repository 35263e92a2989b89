import type { SystemStats } from '../../src/core/files/stat-conversion.ts';

/**
 * What `fs.lstatSync(path, { bigint: true })` gave on systems that the tests do not run on, as
 * people have put it into public bug reports and documentation.
 */
export const recordedStats: Readonly<
  Record<
    | 'darwinFile'
    | 'win32Empty'
    | 'win32TimesSet'
    | 'win32NoDevice'
    | 'win32Directory'
    | 'win32NoNumbers',
    SystemStats
  >
> = {
  /** macOS on an M1, APFS: https://github.com/nodejs/node/issues/45612 */
  darwinFile: {
    dev: 16777230n,
    ino: 420425691n,
    mode: 33188n,
    nlink: 1n,
    uid: 502n,
    gid: 20n,
    rdev: 0n,
    size: 4n,
    blocks: 8n,
    mtimeNs: 1746100376348006798n,
    ctimeNs: 1746100376348006798n,
    birthtimeNs: 1746100376347969298n,
  },
  /** Windows 10, NTFS: an empty file, in examples for `fs.fstat`. */
  win32Empty: {
    dev: 3229478529n,
    ino: 281474976780786n,
    mode: 33206n,
    nlink: 1n,
    uid: 0n,
    gid: 0n,
    rdev: 0n,
    size: 0n,
    blocks: 0n,
    mtimeNs: 1582209885466684900n,
    ctimeNs: 1582209885466684900n,
    birthtimeNs: 1584961030299117000n,
  },
  /** The same machine: a file whose times had been set, to the millisecond. */
  win32TimesSet: {
    dev: 3229478529n,
    ino: 1970324837039946n,
    mode: 33206n,
    nlink: 1n,
    uid: 0n,
    gid: 0n,
    rdev: 0n,
    size: 0n,
    blocks: 0n,
    mtimeNs: 1582482953967000000n,
    ctimeNs: 1582482953968253100n,
    birthtimeNs: 1582306776282142200n,
  },
  /** Windows Server 2025, Node 22: by its path a file has device 0, by its handle 742408122. */
  win32NoDevice: {
    dev: 0n,
    ino: 1125899908206697n,
    mode: 33206n,
    nlink: 1n,
    uid: 0n,
    gid: 0n,
    rdev: 0n,
    size: 5n,
    blocks: 0n,
    mtimeNs: 1790777305120301700n,
    ctimeNs: 1790777305120301700n,
    birthtimeNs: 1790777305120301700n,
  },
  /** Windows 7, `C:\`: https://github.com/nodejs/node-v0.x-archive/issues/2670 */
  win32Directory: {
    dev: -1630166251n,
    ino: 1407374883553285n,
    mode: 16822n,
    nlink: 1n,
    uid: 0n,
    gid: 0n,
    rdev: 0n,
    size: 0n,
    blocks: undefined,
    mtimeNs: 1431674662000000000n,
    ctimeNs: 1431674662000000000n,
    birthtimeNs: 1247540340000000000n,
  },
  /** Windows of 2012, a directory by `dir/.`: no numbers at all (node-v0.x-archive issue 3374). */
  win32NoNumbers: {
    dev: 0n,
    ino: 0n,
    mode: 16822n,
    nlink: 1n,
    uid: 0n,
    gid: 0n,
    rdev: 0n,
    size: 0n,
    blocks: undefined,
    mtimeNs: 1338911549000000000n,
    ctimeNs: 1338911549000000000n,
    birthtimeNs: 0n,
  },
};
