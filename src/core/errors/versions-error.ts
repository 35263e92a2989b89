/**
 * What a caller would do differently decides the kind; the `code` names the exact case and is
 * documented in `docs/errors.md`. Kinds and their exit codes follow `docs/cli.md`.
 */
export type ErrorKind =
  | 'Usage'
  | 'NotFound'
  | 'Conflict'
  | 'Denied'
  | 'Unsupported'
  | 'Source'
  | 'Corrupt'
  | 'Unavailable'
  | 'Cancelled'
  | 'Internal';

/** Values that help to find the place: ids, paths, sizes. Never a secret. */
export type ErrorContext = Readonly<Record<string, string | number | boolean>>;

export interface ErrorDetails {
  /** What to do next, naming a command. */
  readonly hint?: string | undefined;
  readonly context?: ErrorContext | undefined;
  readonly cause?: unknown;
}

/**
 * The one error class. `message` is one sentence, capital first, no final period, with the ids it
 * is about; `code` is a stable SCREAMING_SNAKE string.
 */
export class VersionsError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;
  readonly context: ErrorContext;

  constructor(kind: ErrorKind, code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'VersionsError';
    this.kind = kind;
    this.code = code;
    this.hint = details.hint;
    this.context = details.context ?? {};
  }
}

/** True if `error` is a VersionsError, of one of `kinds` if any are given. */
export function isVersionsError(error: unknown, ...kinds: ErrorKind[]): error is VersionsError {
  return error instanceof VersionsError && (kinds.length === 0 || kinds.includes(error.kind));
}

/** Throws `Internal` if `condition` does not hold: a fault of the program, never of its input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new VersionsError('Internal', 'ASSERTION_FAILED', message);
}

/** The text of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of what is behind an error: of the last in the chain of causes that has one. */
export function reasonOf(error: unknown): string | undefined {
  let reason: string | undefined;
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof VersionsError) reason = at.code;
  }
  return reason;
}

/** The `code` of a Node system error (`ENOENT`, …), if `error` is one. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
