/** How sizes and times are written. */
export interface MeasureOptions {
  /** Sizes as a number of bytes. */
  readonly exactBytes: boolean;
  readonly utc: boolean;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `8.1 GiB`, or `8697308774 B` if exact. */
export function formatBytes(bytes: number, exact = false): string {
  if (exact) return `${bytes} B`;
  const power = powerOf(bytes);
  return `${scaled(bytes, power)} ${units[power] ?? ''}`;
}

/** `8.1/21.7 GiB`: both in the unit of the whole. */
export function formatBytesOf(part: number, whole: number, exact = false): string {
  if (exact) return `${part}/${whole} B`;
  const power = powerOf(whole);
  return `${scaled(part, power)}/${scaled(whole, power)} ${units[power] ?? ''}`;
}

/** `12,480`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 file`, `2 files`, `3 directories`. */
export function formatCounted(count: number, one: string, several = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : several}`;
}

/** `0.4 s`, `59 s`, `1:42`, `1:02:03`. */
export function formatDuration(durationMs: number): string {
  const seconds = durationMs / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return seconds < 60 ? `${Math.floor(seconds)} s` : formatClock(durationMs);
}

/** `0:09`, `1:42`, `1:02:03`. */
export function formatClock(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => `${part}`);
  const hours = Math.floor(seconds / 3600);
  const [minutes = '', rest = ''] = parts;
  if (hours === 0) return `${minutes}:${rest.padStart(2, '0')}`;
  return `${hours}:${minutes.padStart(2, '0')}:${rest.padStart(2, '0')}`;
}

const hourMs = 3_600_000;

/** `1:42`, `99:02:03`, then `5 days`; undefined where it would be a guess of years. */
export function formatRemaining(remainingMs: number): string | undefined {
  if (remainingMs < 100 * hourMs) return formatClock(remainingMs);
  const days = Math.ceil(remainingMs / (24 * hourMs));
  return days < 1000 ? `${days} days` : undefined;
}

/** `2026-11-01 12:00:00`, in local time or in UTC with a `Z`. */
export function formatTime(timeMs: number, utc = false): string {
  const date = new Date(timeMs);
  if (Number.isNaN(date.getTime())) return 'a time out of range';
  if (utc)
    return date
      .toISOString()
      .replace('T', ' ')
      .replace(/\.\d+Z$/, 'Z');
  const two = (part: number): string => String(part).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** The time as ISO 8601 in UTC for JSON; null if it is beyond what that can say. */
export function isoTime(timeMs: number): string | null {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** The same with nanoseconds: `2026-11-01T12:00:00.123456789Z`. */
export function isoTimeOf(seconds: number, nanoseconds: number): string | null {
  const iso = isoTime(seconds * 1000);
  if (iso === null) return null;
  return iso.replace(/\.\d+Z$/, `.${String(nanoseconds).padStart(9, '0')}Z`);
}

function powerOf(bytes: number): number {
  let power = 0;
  // 1023.95 KiB would be written as 1024.0 KiB.
  while (power < units.length - 1 && bytes / 1024 ** power >= 1023.95) power += 1;
  return power;
}

function scaled(bytes: number, power: number): string {
  return power === 0 ? String(Math.round(bytes)) : (bytes / 1024 ** power).toFixed(1);
}
