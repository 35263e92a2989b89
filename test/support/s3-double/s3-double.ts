import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bucket } from './bucket.ts';
import { answerBucket } from './buckets.ts';
import { FaultLine, type HttpFault, type Seen } from './faults.ts';
import { answerObject } from './objects.ts';
import { element, type Reply, refused } from './reply.ts';
import { type Account, checkSignature } from './signature.ts';

export interface S3DoubleOptions {
  readonly region?: string;
  readonly account?: Account;
  /** A PUT that would bring the bucket over this is refused as full. */
  readonly bytesMax?: number;
  readonly now?: () => number;
  /**
   * Knows no part of a request that says something about locks, and answers it as if it were not
   * there, as OpenStack Swift does: what was to lock an object is stored in its place.
   */
  readonly knowsNoLocks?: boolean;
}

export const doubleAccount: Account = { accessKeyId: 'double', secretAccessKey: 'double-secret' };

/**
 * An S3 server in this process that goes wrong as a script says. What it answers, it answers as S3
 * does: signatures, payload hashes, checksums, conditions, ranges, paging, versions, locks and
 * archived objects are real; the contract of a store and tests against real servers keep it honest.
 *
 * `double.on('PUT', /^packs/, { status: 503, code: 'SlowDown' }).times(3)`: the first line of the
 * script that matches a request and is not used up decides.
 */
export class S3Double implements AsyncDisposable {
  account: Account;
  region: string;
  /** Added to the time of this machine. */
  skewMs = 0;
  /** Answers nothing but a reset, as a server that is down. */
  isDown = false;
  readonly requests: Seen[] = [];
  readonly #buckets = new Map<string, Bucket>();
  readonly #script: FaultLine[] = [];
  readonly #server: Server;
  readonly #options: S3DoubleOptions;
  readonly #connections = new WeakMap<object, number>();
  #connectionCount = 0;
  #inFlight = 0;
  #mostInFlight = 0;

  private constructor(server: Server, options: S3DoubleOptions) {
    this.#server = server;
    this.#options = options;
    this.account = options.account ?? doubleAccount;
    this.region = options.region ?? 'us-east-1';
  }

  static async start(options: S3DoubleOptions = {}): Promise<S3Double> {
    const server = createServer();
    const double = new S3Double(server, options);
    server.on('request', (request, response) => {
      const { socket } = request;
      double.#serve(request, response).catch(() => socket.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return double;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('It does not listen');
    return `http://127.0.0.1:${address.port}`;
  }

  /** The most requests that were under way at once. */
  get mostInFlight(): number {
    return this.#mostInFlight;
  }

  /** The URL of a mirror in a bucket of this server. */
  url(bucket = 'bucket', more = ''): string {
    return `s3://${bucket}?endpoint=${encodeURIComponent(this.endpoint)}&region=${this.region}${more}`;
  }

  bucket(name = 'bucket', options: { readonly isVersioned?: boolean } = {}): Bucket {
    const bucket = this.#buckets.get(name) ?? new Bucket(options.isVersioned ?? false);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  on(method: string, key: RegExp, fault: HttpFault): FaultLine {
    const line = new FaultLine(
      (request) => (method === 'any' || request.method === method) && key.test(request.key),
      fault,
    );
    this.#script.push(line);
    return line;
  }

  /** Drops the script: from now on all is well. */
  heal(): void {
    this.#script.length = 0;
  }

  /** Breaks every connection, as a machine that wakes up finds them. */
  resetConnections(): void {
    this.#server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const connection = this.#connectionOf(socket);
    const [bucketName, parsed] = seenOf(request);
    if (this.#options.knowsNoLocks === true) forgetLocks(parsed);
    const seen = { ...parsed, connection };
    this.requests.push(seen);
    const fault = this.#script.find((line) => line.takes(seen))?.fault ?? {};
    this.#inFlight += 1;
    this.#mostInFlight = Math.max(this.#mostInFlight, this.#inFlight);
    try {
      if (this.isDown) return void socket.destroy();
      if (fault.delayMs !== undefined) await sleep(fault.delayMs);
      if (fault.hangs === true) return;
      const { expect, 'content-length': told = '0' } = request.headers;
      const isSending = told !== '0' && expect === undefined;
      if (fault.refusesEarly === true && isSending) return void socket.destroy();
      const body = await readBody(request, fault.resetAfterBytes);
      if (body === undefined) return void socket.destroy();
      if (fault.storesAnyway === true) forgetLocks(seen);
      const reply =
        fault.status === undefined
          ? this.#answer(request, { ...seen, body }, bucketName)
          : refused(fault.status, fault.code ?? 'InternalError');
      if (fault.losesAnswer === true) return void socket.destroy();
      response.setHeader('Date', new Date(this.#nowMs()).toUTCString());
      send(response, reply, { fault, isHead: seen.method === 'HEAD' });
    } finally {
      this.#inFlight -= 1;
    }
  }

  #connectionOf(socket: object): number {
    const known = this.#connections.get(socket) ?? ++this.#connectionCount;
    this.#connections.set(socket, known);
    return known;
  }

  #nowMs(): number {
    return (this.#options.now?.() ?? Date.now()) + this.skewMs;
  }

  #answer(request: IncomingMessage, seen: Seen & { readonly body: Buffer }, name: string): Reply {
    const nowMs = this.#nowMs();
    const { account, region } = this;
    const refusal = checkSignature(request, { account, region, nowMs });
    if (refusal !== undefined) {
      const more = refusal.region === undefined ? '' : element('Region', refusal.region);
      return refused(refusal.status, refusal.code, more);
    }
    const bucket = this.#buckets.get(name);
    if (seen.key === '' && seen.method === 'PUT') {
      this.bucket(name, {
        isVersioned: request.headers['x-amz-bucket-object-lock-enabled'] === 'true',
      });
      return { status: 200 };
    }
    if (bucket === undefined) return refused(404, 'NoSuchBucket');
    if (seen.key === '') return answerBucket(seen, bucket);
    const { bytesMax = Number.POSITIVE_INFINITY } = this.#options;
    if (seen.method === 'PUT' && bucket.bytesTotal + seen.body.byteLength > bytesMax) {
      return refused(507, 'XMinioStorageFull');
    }
    return answerObject(seen, bucket, nowMs);
  }
}

function seenOf(request: IncomingMessage): readonly [bucket: string, Seen] {
  const { method = '', url = '', headers } = request;
  const [path = '', query = ''] = url.split('?');
  const [bucket = '', ...rest] = path.slice(1).split('/');
  const key = decodeURIComponent(rest.join('/'));
  return [bucket, { method, key, query: new URLSearchParams(query), headers }];
}

function forgetLocks({ query }: Seen): void {
  for (const name of ['object-lock', 'retention']) query.delete(name);
}

/** The body of a request; undefined if the connection is to be broken, or was. */
async function readBody(
  request: IncomingMessage,
  resetAfterBytes: number | undefined,
): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  if (resetAfterBytes === 0) return undefined;
  for await (const part of request as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.byteLength;
    if (resetAfterBytes !== undefined && bytes >= resetAfterBytes) return undefined;
  }
  const told = request.headers['content-length'];
  return told !== undefined && Number(told) !== bytes ? undefined : Buffer.concat(parts);
}

function send(
  response: ServerResponse,
  reply: Reply,
  { fault, isHead }: { readonly fault: HttpFault; readonly isHead: boolean },
): void {
  const isAll = fault.ignoresRange === true && reply.whole !== undefined;
  const { 'Content-Range': _range, ...headersWithoutRange } = reply.headers ?? {};
  let body = isAll ? reply.whole : (reply.body ?? Buffer.from(reply.xml ?? ''));
  if (fault.nonsense !== undefined) body = Buffer.from(fault.nonsense);
  if (fault.flipAt !== undefined && body !== undefined && body.byteLength > 0) {
    body = Buffer.from(body);
    const at = fault.flipAt % body.byteLength;
    body[at] = (body[at] ?? 0) ^ 1;
  }
  const bytes = body?.byteLength ?? 0;
  response.writeHead(isAll ? 200 : reply.status, {
    ...(isAll ? headersWithoutRange : reply.headers),
    ...(reply.xml !== undefined && { 'Content-Type': 'application/xml' }),
    // An answer without contents has no length either.
    ...(reply.status !== 204 && { 'Content-Length': bytes }),
  });
  if (isHead || body === undefined) return void response.end();
  if (fault.truncateTo === undefined) return void response.end(body);
  response.write(body.subarray(0, fault.truncateTo), () => response.destroy());
}
