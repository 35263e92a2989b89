import type { ErrorKind } from '../core/index.ts';

/**
 * A mistake on the command line that is found before the core is loaded. It has the shape of the
 * core's `VersionsError`, which is not imported here because help must start at once.
 */
export class UsageError extends Error {
  readonly kind = 'Usage';
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string) {
    super(message);
    this.name = 'UsageError';
    this.code = code;
    this.hint = hint;
  }
}

/** Why a command failed, in the form in which it is shown. */
export interface Failure {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  /** The code of what is behind it, where the same may have several reasons. */
  readonly reason?: string | undefined;
  readonly stack: string | undefined;
}

/** What to show for anything that was thrown. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) {
    return { ...unexpected, message: String(error), stack: undefined };
  }
  const { message } = error;
  const stack = stackOf(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const kind = 'kind' in error ? error.kind : undefined;
  if (code !== undefined && isErrorKind(kind)) {
    const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
    return { kind, code, message, hint, reason: reasonIn(error), stack };
  }
  if (error.name === 'AbortError') {
    return { kind: 'Cancelled', code: 'CANCELLED', message: 'Stopped', hint: undefined, stack };
  }
  // Errors of the operating system name the operation and the path already.
  if ('syscall' in error && code !== undefined) {
    return { kind: 'Source', code: 'SYSTEM_ERROR', message, hint: undefined, stack };
  }
  return { ...unexpected, message, stack };
}

function reasonIn(error: Error): string | undefined {
  if (!('context' in error) || typeof error.context !== 'object' || error.context === null)
    return undefined;
  const { context } = error;
  return 'reason' in context && typeof context.reason === 'string' ? context.reason : undefined;
}

const unexpected = {
  kind: 'Internal',
  code: 'UNEXPECTED',
  hint: 'this is a fault of versions: please report it, with the output of the same command under VERSIONS_DEBUG=1',
} as const;

const kinds: Readonly<Record<ErrorKind, true>> = {
  Usage: true,
  NotFound: true,
  Conflict: true,
  Denied: true,
  Unsupported: true,
  Source: true,
  Corrupt: true,
  Unavailable: true,
  Cancelled: true,
  Internal: true,
};

function isErrorKind(kind: unknown): kind is ErrorKind {
  return typeof kind === 'string' && Object.hasOwn(kinds, kind);
}

/** The stack with those of all causes. */
function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
