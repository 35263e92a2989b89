import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { isObjectKey } from './object-key.ts';
import type { ObjectInfo } from './object-store.ts';
import { answerInvalid } from './s3-body.ts';
import type { S3Place } from './s3-url.ts';

/** One page of a listing: behind a key, or where the page before left off. */
export type PageReader = (
  after: string | undefined,
  token: string | undefined,
) => Promise<ListObjectsV2CommandOutput>;

export interface ListOptions {
  readonly prefix: string;
  readonly after: string | undefined;
  readonly place: S3Place;
}

/** So many pages without a key in a row, and the provider goes round in circles. */
const emptyPagesMax = 1000;

/**
 * The objects of a bucket below its prefix, in ascending order. What others keep there under names
 * that no key has is passed over. Throws `Unavailable` (STORE_ANSWER_INVALID) when the answers are
 * out of order: to go on could mean to leave objects out, or never to end.
 */
export async function* listS3(
  read: PageReader,
  { prefix, after, place }: ListOptions,
): AsyncGenerator<ObjectInfo, void, undefined> {
  const from = after === undefined || after === '' ? undefined : place.prefix + after;
  let token: string | undefined;
  let last: string | undefined = from;
  let emptyPages = 0;
  for (;;) {
    const page = await read(token === undefined ? from : undefined, token);
    // A page of some proxy on the way would pass for an empty list.
    if (page.IsTruncated === undefined) {
      throw answerInvalid(place.location, 'answers a list with something that is none');
    }
    for (const { Key: full, Size: bytes } of page.Contents ?? []) {
      if (full === undefined || !full.startsWith(place.prefix + prefix)) {
        throw answerInvalid(place.location, 'lists what was not asked for');
      }
      if (last !== undefined && Buffer.compare(Buffer.from(full), Buffer.from(last)) <= 0) {
        throw answerInvalid(place.location, 'lists its objects out of order');
      }
      last = full;
      const key = full.slice(place.prefix.length);
      if (!isObjectKey(key)) continue;
      if (bytes === undefined || !Number.isSafeInteger(bytes) || bytes < 0) {
        throw answerInvalid(place.location, `lists ${key} without its size`);
      }
      yield { key, bytes };
    }
    if (!page.IsTruncated) return;
    emptyPages = (page.Contents ?? []).length === 0 ? emptyPages + 1 : 0;
    const next = page.NextContinuationToken;
    if (next === undefined || emptyPages > emptyPagesMax) {
      throw answerInvalid(place.location, 'begins a list and does not end it');
    }
    token = next;
  }
}
