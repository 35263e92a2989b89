import type { MirrorId, RepositoryId } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import type { ObjectStore } from '../store/index.ts';

/** A store whose marker was read in this run and says that it is a copy of the repository. */
export interface Mirror {
  readonly id: MirrorId;
  readonly name: string;
  readonly store: ObjectStore;
  /** Its marker is damaged: it is read because its `config` says whose it is, and never written. */
  readonly isUnmarked?: boolean | undefined;
}

/** Where a mirror should be: its store, or why that could not even be opened. */
export type Place =
  | { readonly name: string; readonly store: ObjectStore }
  | { readonly name: string; readonly error: VersionsError };

/** A place where nothing of the repository was found. It is never written to. */
export interface AbsentPlace {
  readonly name: string;
  readonly error: VersionsError;
}

/** What a marker says. */
export interface MarkerContent {
  readonly repository: RepositoryId;
  readonly mirror: MirrorId;
}

/** Decodes a marker; throws `Corrupt` or `Unsupported`. */
export type MarkerReader = (bytes: Uint8Array) => MarkerContent;

/** Says whose a `config` is; throws `Corrupt` or `Unsupported`. */
export type OwnerReader = (config: Uint8Array) => RepositoryId;

/** The key of the marker in every mirror. */
export const markerKey = 'mirror';

/** A marker is far smaller; a hostile place must not fill the memory. */
export const markerBytesMax: number = 128 * 1024;
