import { thisSystem, type System } from '../base/index.ts';
import type { FileStat } from './file-stat.ts';

/** A moment, exact to the nanosecond. */
export interface Moment {
  readonly seconds: number;
  readonly nanos: number;
}

/**
 * 10 ms: no file system that keeps nanoseconds stamps them later than one tick of the slowest
 * common kernel (100 Hz).
 */
export const fineGranuleNanos = 10_000_000;

/** 20 ms: the clock of Windows may stand still for 15.6 ms, whatever the file system keeps. */
export const windowsGranuleNanos = 20_000_000;

/** 2 s: FAT's; larger than that of every other file system in use. */
export const coarseGranuleNanos = 2_000_000_000;

/**
 * True if nothing that a change of content or metadata must leave behind differs. The device
 * number is not compared: it changes from boot to boot; a ctime changes with owner, links and
 * extended attributes.
 */
export function sameState(a: FileStat, b: FileStat): boolean {
  return (
    a.size === b.size &&
    a.mtimeNanos === b.mtimeNanos &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.ctimeNanos === b.ctimeNanos &&
    a.ctimeSeconds === b.ctimeSeconds &&
    a.ino === b.ino &&
    a.mode === b.mode &&
    a.kind === b.kind
  );
}

/**
 * The granule of a file's stamps, guessed from the stamps: if both are multiples of 10 ms the
 * file system probably keeps no finer ones. A wrong guess (1 file in 10,000) costs one reading
 * more.
 */
export function granuleNanosOf(stat: FileStat, system: System = thisSystem): number {
  if (stat.mtimeNanos % fineGranuleNanos === 0 && stat.ctimeNanos % fineGranuleNanos === 0)
    return coarseGranuleNanos;
  return system === 'win32' ? windowsGranuleNanos : fineGranuleNanos;
}

/**
 * True if a later change could leave `stat` as it is: its mtime or ctime is not at least one
 * granule older than the start of the scan, which was taken before the stat. Such an entry is
 * compared by content next time. Times in the future, as from a server whose clock is ahead, are
 * racy for as long as they lie there.
 */
export function isRacy(
  stat: FileStat,
  scanStart: Moment,
  granuleNanos: number = granuleNanosOf(stat),
): boolean {
  const latest = minus(scanStart, granuleNanos);
  return (
    isAfter(stat.mtimeSeconds, stat.mtimeNanos, latest) ||
    isAfter(stat.ctimeSeconds, stat.ctimeNanos, latest)
  );
}

function minus(moment: Moment, nanos: number): Moment {
  const left = moment.nanos - (nanos % 1_000_000_000);
  const seconds = moment.seconds - Math.floor(nanos / 1_000_000_000);
  return left < 0
    ? { seconds: seconds - 1, nanos: left + 1_000_000_000 }
    : { seconds, nanos: left };
}

function isAfter(seconds: number, nanos: number, moment: Moment): boolean {
  return seconds > moment.seconds || (seconds === moment.seconds && nanos > moment.nanos);
}
