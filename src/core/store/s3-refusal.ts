import { isVersionsError } from '../errors/index.ts';
import type { S3Session } from './s3-client.ts';
import { s3ErrorFrom } from './s3-errors.ts';

/** Whether the connection was closed while a request was being sent. */
export function isBrokenOff(error: unknown): boolean {
  return error instanceof Error && 'code' in error && brokenCodes.has(String(error.code));
}

const brokenCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

/**
 * Why a large request may have been broken off: a server that refuses one closes the connection
 * before it has read all of it, and its answer is often lost. The same is asked in small. Undefined
 * if that goes well, or fails in a way that says nothing about the large one.
 */
export async function refusalBehind(
  { sdk, client }: S3Session,
  object: { readonly Bucket: string; readonly Key: string },
  abortable: { readonly abortSignal?: AbortSignal },
): Promise<unknown> {
  try {
    // Not a HEAD: its answer has no words.
    const answer = await client.send(
      new sdk.GetObjectCommand({ ...object, Range: 'bytes=0-0' }),
      abortable,
    );
    await answer.Body?.transformToByteArray();
    return undefined;
  } catch (error) {
    const meant = s3ErrorFrom(error, { action: 'write', location: object.Bucket });
    return isVersionsError(meant) && sameForAll.has(meant.code) ? error : undefined;
  }
}

/** A right to read may be missing where the right to write is there. */
const sameForAll: ReadonlySet<string> = new Set([
  'STORE_ABSENT',
  'STORE_CREDENTIALS_EXPIRED',
  'STORE_CREDENTIALS_MISSING',
  'STORE_CREDENTIALS_REFUSED',
  'STORE_REGION_WRONG',
]);
