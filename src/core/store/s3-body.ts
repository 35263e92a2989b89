import type { Readable } from 'node:stream';
import { VersionsError } from '../errors/index.ts';
import { objectUnreadable } from './store-errors.ts';

/** What a request was answered with, as far as its body is concerned. */
export interface BodyAnswer {
  readonly body: unknown;
  /** As the provider says; undefined if it does not. */
  readonly bytes: number | undefined;
  readonly key: string;
  readonly location: string;
  /** More than this is not read: an object is never larger. */
  readonly bytesMax: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The whole body of an answer, in memory of its own and exactly that long. Throws `Unavailable`
 * (STORE_ANSWER_INVALID) for a body that ends early or goes on too long, and what the stream throws.
 */
export async function readBody(answer: BodyAnswer): Promise<Uint8Array> {
  const { body, bytes, key, location, bytesMax, signal } = answer;
  if (!isReadable(body)) throw answerInvalid(location, `has no body for ${key}`);
  const abort = (): void => void body.destroy(new Error('The read was cancelled'));
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  try {
    if (bytes !== undefined && bytes > bytesMax) {
      throw objectUnreadable(key, location, `an object of ${bytes} bytes`);
    }
    return bytes === undefined
      ? await readUnknown(body, answer)
      : await readKnown(body, bytes, answer);
  } finally {
    signal?.removeEventListener('abort', abort);
    // What is left unread would keep the connection busy.
    if (!body.readableEnded) body.destroy();
  }
}

async function readKnown(body: Readable, bytes: number, answer: BodyAnswer): Promise<Uint8Array> {
  const all = new Uint8Array(bytes);
  let offset = 0;
  for await (const chunk of body) {
    const part = bytesOf(chunk);
    if (offset + part.byteLength > bytes) throw wrongLength(answer, `more than ${bytes}`);
    all.set(part, offset);
    offset += part.byteLength;
  }
  if (offset < bytes) throw wrongLength(answer, `${offset} instead of ${bytes}`);
  return all;
}

async function readUnknown(body: Readable, answer: BodyAnswer): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of body) {
    const part = bytesOf(chunk);
    total += part.byteLength;
    if (total > answer.bytesMax) {
      throw objectUnreadable(answer.key, answer.location, `more than ${answer.bytesMax} bytes`);
    }
    parts.push(part);
  }
  const all = new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.byteLength;
  }
  return all;
}

function bytesOf(chunk: unknown): Uint8Array {
  return chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk));
}

function isReadable(body: unknown): body is Readable {
  return (
    typeof body === 'object' && body !== null && Symbol.asyncIterator in body && 'destroy' in body
  );
}

function wrongLength({ key, location }: BodyAnswer, what: string): VersionsError {
  return answerInvalid(location, `gave ${what} bytes of ${key}`);
}

/** The provider answered something that no provider answers. */
export function answerInvalid(location: string, what: string, cause?: unknown): VersionsError {
  return new VersionsError('Unavailable', 'STORE_ANSWER_INVALID', `${location} ${what}`, {
    context: { location },
    cause,
  });
}
