import type { Command } from '../measure/command.ts';

/** What is measured, in the order in which it is run. */
export const phases = [
  'first',
  'second',
  'snapshots',
  'help',
  'verify',
  'hash',
  'restore',
] as const;

/**
 * - `first`: a first backup into a fresh repository with a fresh cache; `second`: the same again;
 * - `snapshots`, `help`: the time to answer, for our own program only;
 * - `verify`: reads and checks everything stored; `hash`: a plain SHA-256 of the same stored files;
 * - `restore`: everything into an empty directory.
 */
export type Phase = (typeof phases)[number];

/** Where one run of one tool takes place. Everything but the source is fresh and thrown away. */
export interface Place {
  /** What is saved: an absolute path without symbolic links. */
  readonly source: string;
  readonly repository: string;
  /** For configuration, caches and keys. */
  readonly home: string;
  readonly target: string;
}

/** A program, or one way to call it, that saves a directory and brings it back. */
export interface Tool {
  /** The name of its row, such as `restic-nocache`. */
  readonly name: string;
  /** Programs that have to be found; the first one is asked for its version. */
  readonly programs: readonly string[];
  readonly versionArgs: readonly string[];
  /** What is run before the first backup, unmeasured: the tool's `init`. */
  setup(place: Place): readonly Command[];
  /** The command of a phase, or undefined if the tool has none. `outputs` are those of earlier phases. */
  command(phase: Phase, place: Place, outputs: Outputs): Command | undefined;
  /** The directory or file whose bytes count as stored. */
  stored(place: Place): string;
  /** Where the source is to be found after the restore. */
  restored(place: Place): string;
}

/** What was written to standard output in each phase. */
type Outputs = ReadonlyMap<Phase, string>;
