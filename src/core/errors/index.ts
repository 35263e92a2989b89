/**
 * Typed errors: one class, coarse kinds, stable codes. Whatever leaves the core is a
 * `VersionsError`; problems with single files or objects go to the monitor instead of being thrown.
 */
export * from './versions-error.ts';
export { withLocalDisk } from './local-disk.ts';
