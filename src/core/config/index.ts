/**
 * Settings: what may be set, how a value is written, who wins, and the configuration file.
 *
 * This room knows kinds of settings, not the settings themselves: the caller hands in its table of
 * definitions, and gets validated values back. It reads no file and no environment; texts come in,
 * texts go out.
 *
 * Invariants:
 * 1. Every value that leaves the room has been checked against its definition.
 * 2. A mistake is one `Usage` error that names the place: flag, variable, or file and line.
 * 3. Text of a user's configuration file is changed only where it must be, never rewritten; what
 *    comes out parses, and means what it meant before plus the change.
 */
export { editRepository, type ConfigEdit } from './config-edit.ts';
export * from './config-file.ts';
export * from './config-text.ts';
export * from './credentials-source.ts';
export * from './parse-value.ts';
export * from './place.ts';
export * from './precedence.ts';
export * from './setting.ts';
