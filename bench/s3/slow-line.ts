/**
 * `node slow-line.ts PORT`: a line to a server on this machine that takes 20 ms each way and carries
 * 1 Gbit/s in each direction, all connections together. Prints the port that it listens on.
 */
import { connect, createServer, type Socket } from 'node:net';

const delayMs = 20;
const bytesPerMs = 125_000;
/** A connection has no more than this under way: about what the line holds. */
const inFlightMax = 8 * 2 ** 20;

/** One direction of the line. */
class Direction {
  #freeAtMs = 0;

  /** When the last of so many bytes, sent now, comes out at the other end. */
  arrivalMs(bytes: number): number {
    this.#freeAtMs = Math.max(this.#freeAtMs, performance.now()) + bytes / bytesPerMs;
    return this.#freeAtMs + delayMs;
  }
}

/** Carries what one socket says to another, in order, each piece when it has come along the line. */
function carry(from: Socket, to: Socket, direction: Direction): void {
  const pieces: { readonly atMs: number; readonly bytes: Buffer | undefined }[] = [];
  let inFlight = 0;
  let timer: NodeJS.Timeout | undefined;
  const deliver = (): void => {
    timer = undefined;
    for (let [next] = pieces; next && next.atMs <= performance.now(); [next] = pieces) {
      pieces.shift();
      inFlight -= next.bytes?.byteLength ?? 0;
      if (to.destroyed) continue;
      if (next.bytes === undefined) to.end();
      else to.write(next.bytes);
    }
    if (inFlight < inFlightMax) from.resume();
    const [next] = pieces;
    if (next) timer = setTimeout(deliver, Math.max(1, next.atMs - performance.now()));
  };
  const send = (bytes: Buffer | undefined): void => {
    pieces.push({ atMs: direction.arrivalMs(bytes?.byteLength ?? 0), bytes });
    inFlight += bytes?.byteLength ?? 0;
    if (inFlight >= inFlightMax) from.pause();
    timer ??= setTimeout(deliver, delayMs);
  };
  from.on('data', send);
  from.on('end', () => send(undefined));
  from.on('error', () => to.destroy());
  from.on('close', () => {
    if (from.errored !== null) to.destroy();
  });
}

const port = Number(process.argv[2]);
const [up, down] = [new Direction(), new Direction()];
const server = createServer({ noDelay: true }, (near) => {
  const far = connect({ port, host: '127.0.0.1', noDelay: true });
  carry(near, far, up);
  carry(far, near, down);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(typeof address === 'object' ? address?.port : '');
});
// Whoever started it closes this when it ends.
process.stdin.on('end', () => process.exit()).resume();
