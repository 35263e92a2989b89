import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { ObjectHash } from '../base/index.ts';
import { assert, errorMessage, systemErrorCode } from '../errors/index.ts';
import type { ObjectDigest } from '../mirror/index.ts';

/** Bytes of an object, or an open file, which is read from its beginning. */
export type HashTask =
  | { readonly number: number; readonly content: Uint8Array }
  | { readonly number: number; readonly fd: number; readonly bytes: number };

export type HashAnswer =
  | { readonly number: number; readonly digest: ObjectDigest }
  | {
      readonly number: number;
      readonly failure: { readonly code: string | undefined; readonly message: string };
    };

/**
 * Stays in the processor's cache, which memory for whole objects would not; and that would have to
 * be made and cleared by the kernel for each. Smaller or larger pieces take longer.
 */
const pieceBytes = 256 * 1024;
const piece = Buffer.allocUnsafeSlow(pieceBytes);

function digestOf(task: HashTask): ObjectDigest {
  const hash = createHash('sha256');
  const bytes = 'fd' in task ? readInto(hash, task) : task.content.byteLength;
  if ('content' in task) hash.update(task.content);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- that is what it is
  return { hash: hash.digest('hex') as ObjectHash, bytes };
}

/** Returns how many bytes there were. */
function readInto(
  hash: ReturnType<typeof createHash>,
  { fd, bytes }: { readonly fd: number; readonly bytes: number },
): number {
  let at = 0;
  while (at < bytes) {
    const count = readSync(fd, piece, 0, Math.min(pieceBytes, bytes - at), at);
    if (count === 0) break;
    hash.update(piece.subarray(0, count));
    at += count;
  }
  return at;
}

function main(): void {
  const port = parentPort;
  assert(port !== null, 'The worker is not run as a thread');
  const answer = (message: HashAnswer): void => port.postMessage(message);
  port.on('message', (task: HashTask) => {
    const { number } = task;
    try {
      answer({ number, digest: digestOf(task) });
    } catch (error) {
      const failure = { code: systemErrorCode(error), message: errorMessage(error) };
      answer({ number, failure });
    }
  });
}

main();
