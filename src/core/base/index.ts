/** Bytes, ids, clock, times, limits: what every room may use and what depends on nothing. */
export * from './byte-string.ts';
export * from './bytes.ts';
export * from './clock.ts';
export * from './ids.ts';
export * from './limits.ts';
export { makeDirectories, makeDirectoriesSync } from './make-directories.ts';
export { replaceFileSync } from './replace-file.ts';
export { timeSpanOf, type TimeSpan } from './time-span.ts';
export { systemOf, thisSystem, type System } from './system.ts';
export { snapshotPathOfWindows } from './windows-path.ts';
