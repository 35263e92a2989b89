import type { MirrorId } from '../base/index.ts';
import { isVersionsError, type VersionsError } from '../errors/index.ts';
import type { CallOptions, GetOptions } from '../store/index.ts';
import type { MirrorChannel } from './mirror-channel.ts';
import {
  copyDamaged,
  copyArchived,
  type MirrorFailure,
  noCopyReachable,
  noGoodCopy,
} from './mirror-errors.ts';

export interface FailoverOptions extends CallOptions {
  readonly range?: GetOptions['range'];
  /**
   * Judges the bytes. False, or a `VersionsError` that it throws, makes the copy a bad one; anything
   * else that it throws ends the read.
   */
  readonly accept?: ((bytes: Uint8Array) => boolean | Promise<boolean>) | undefined;
}

export interface FailoverContext {
  /** In the order in which they are to be asked. */
  readonly channels: readonly MirrorChannel[];
  readonly onSuspect: (key: string, mirror: MirrorId, error: VersionsError) => void;
}

/**
 * Asks one mirror after the other until one gives good bytes. Every copy that was not good is
 * reported, except where no mirror knows the object at all: then there is nothing to suspect.
 */
export async function readFailover(
  key: string,
  options: FailoverOptions,
  context: FailoverContext,
): Promise<Uint8Array> {
  const failures: (MirrorFailure & { readonly mirror: MirrorId; readonly error: VersionsError })[] =
    [];
  let good: Uint8Array | undefined;
  const toAsk = [...context.channels];
  for (let channel = toAsk.shift(); channel !== undefined; channel = toAsk.shift()) {
    const { id: mirror, name } = channel.mirror;
    const result = await readOne(key, options, channel);
    if (result === undefined) toAsk.push(channel);
    else if (result instanceof Uint8Array) {
      good = result;
      break;
    } else failures.push({ mirror, name, error: result });
  }
  const unknownToAll = failures.every(({ error }) => error.kind === 'NotFound');
  if (good === undefined && unknownToAll && failures[0] !== undefined) throw failures[0].error;
  const archived = failures.filter(({ error }) => error.code === 'OBJECT_ARCHIVED');
  for (const failure of failures) {
    if (!archived.includes(failure)) context.onSuspect(key, failure.mirror, failure.error);
  }
  if (good !== undefined) return good;
  // What lies in an archive may be good.
  if (archived.length > 0) throw copyArchived(key, archived);
  const damaged = failures.some(({ error }) => !unreadKinds.has(error.kind));
  throw damaged ? noGoodCopy(key, failures) : noCopyReachable(key, failures);
}

/** Failures that say nothing about the bytes. */
const unreadKinds: ReadonlySet<string> = new Set(['NotFound', 'Unavailable', 'Denied']);

async function readOne(
  key: string,
  { range, accept, signal }: FailoverOptions,
  channel: MirrorChannel,
): Promise<Uint8Array | VersionsError | undefined> {
  const { name } = channel.mirror;
  const judged = async (bytes: Uint8Array): Promise<Uint8Array | VersionsError> => {
    try {
      return (await accept?.(bytes)) === false ? copyDamaged(key, name) : bytes;
    } catch (error) {
      if (isVersionsError(error, 'Corrupt')) return copyDamaged(key, name, error);
      throw error;
    }
  };
  try {
    const bytes = await channel.read(key, { range, signal });
    if (bytes === undefined) return undefined;
    return accept === undefined ? bytes : await judged(bytes);
  } catch (error) {
    if (!isVersionsError(error)) throw error;
    if (error.kind === 'Cancelled' || error.kind === 'Internal') throw error;
    return error;
  }
}
