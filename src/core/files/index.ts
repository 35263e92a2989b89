/**
 * The local file system: walk, ignore rules, metadata read and applied, change detection.
 */
export * from './file-stat.ts';
export * from './walk.ts';
export * from './walk-events.ts';
export * from './ignore-rules.ts';
export * from './ignore-pattern.ts';
export * from './open-for-reading.ts';
export * from './change-detection.ts';
export { SpoolFile } from './spool-file.ts';
