import { isHex16, type MirrorId, type RepositoryId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { parseObjectName } from '../format/index.ts';

/** What a verifier is handed at once: at most a gibibyte or twenty copies. */
export const messageBytesMax: number = 1024 ** 3;
export const messageCopiesMax = 20;

/** Copies of one mirror that somebody is asked to verify, or to heal. */
export interface WorkMessage {
  readonly repository: RepositoryId;
  readonly mirror: MirrorId;
  readonly copies: readonly WorkCopy[];
}

export interface WorkCopy {
  readonly object: string;
  /** As the ledger knows it; 0 if it does not. */
  readonly bytes: number;
}

const messageVersion = 1;
/** A message of twenty copies has 2 KB. */
const textCharsMax = 64 * 1024;

/** A message as text, for a queue. */
export function encodeWork({ repository, mirror, copies }: WorkMessage): string {
  return JSON.stringify({
    version: messageVersion,
    repository,
    mirror,
    copies: copies.map(({ object, bytes }) => [object, bytes]),
  });
}

/**
 * Reads what came out of a queue, believing none of it. Throws `Corrupt` (code WORK_INVALID), or
 * `Unsupported` (code WORK_TOO_NEW).
 */
export function decodeWork(text: string): WorkMessage {
  if (text.length > textCharsMax) throw invalid('it is too long');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid('it is no JSON', cause);
  }
  const { version, repository, mirror, copies } = fieldsOf(value);
  if (version !== messageVersion) {
    if (typeof version !== 'number' || version < messageVersion) throw invalid('it has no version');
    throw new VersionsError(
      'Unsupported',
      'WORK_TOO_NEW',
      `A message of version ${version} asks for work that this version does not know`,
      { hint: 'Deploy again: `npx cdk deploy --all`' },
    );
  }
  if (!isRepositoryId(repository)) throw invalid('it names no repository');
  if (!isMirrorId(mirror)) throw invalid('it names no mirror');
  if (!Array.isArray(copies) || copies.length === 0 || copies.length > messageCopiesMax) {
    throw invalid(`it does not have 1 to ${messageCopiesMax} copies`);
  }
  return { repository, mirror, copies: copies.map(copyOf) };
}

function copyOf(value: unknown): WorkCopy {
  const [object, bytes]: readonly unknown[] = Array.isArray(value) ? value : [];
  if (typeof object !== 'string' || parseObjectName(object) === undefined) {
    throw invalid('it names something that no mirror holds');
  }
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw invalid(`the size of ${object} is none`);
  }
  return { object, bytes };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw invalid('it is no object');
  return { ...value };
}

function isRepositoryId(value: unknown): value is RepositoryId {
  return typeof value === 'string' && isHex16(value);
}

function isMirrorId(value: unknown): value is MirrorId {
  return typeof value === 'string' && isHex16(value);
}

function invalid(why: string, cause?: unknown): VersionsError {
  return new VersionsError('Corrupt', 'WORK_INVALID', `A message asks for no valid work: ${why}`, {
    hint: 'Look at it in the dead-letter queue, then delete it; nothing is lost by that',
    cause,
  });
}
