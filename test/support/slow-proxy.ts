import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

interface Hold {
  readonly at: number;
  readonly reached: PromiseWithResolvers<void>;
  readonly released: PromiseWithResolvers<void>;
}

/** Stands before a server on this machine and passes on what is sent to it after a while. */
export class SlowProxy implements AsyncDisposable {
  /** How long what is sent waits. */
  delayMs = 0;
  /** Which of it: a request, or a part of one. */
  isDelayed: (sent: Buffer) => boolean = () => true;
  readonly endpoint: string;
  /** Bytes that clients have sent so far. */
  #sent = 0;
  #hold: Hold | undefined;
  readonly #server: Server;
  readonly #ends = new Set<() => void>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${port}`;
  }

  static async start(before: string): Promise<SlowProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('It does not listen');
    const proxy = new SlowProxy(server, address.port);
    const { port } = new URL(before);
    server.on('connection', (client) => {
      const inner = connect(Number(port), '127.0.0.1');
      const end = (): void => {
        client.destroy();
        inner.destroy();
        proxy.#ends.delete(end);
      };
      proxy.#ends.add(end);
      for (const socket of [client, inner]) socket.on('error', end).on('close', end);
      inner.pipe(client);
      let written: Promise<unknown> = Promise.resolve();
      client.on('data', (chunk) => {
        const waited = proxy.#wait(chunk);
        written = Promise.all([written, waited]).then(() => inner.destroyed || inner.write(chunk));
      });
    });
    return proxy;
  }

  /**
   * Resolves when clients have sent so much more; what they send from then on waits for `release`.
   * So a test comes between for certain, however fast they are.
   */
  async holdAfter(bytes: number): Promise<void> {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.#hold = { at: this.#sent + bytes, reached, released };
    await reached.promise;
  }

  release(): void {
    this.#hold?.released.resolve();
    this.#hold = undefined;
  }

  async #wait(sent: Buffer): Promise<void> {
    this.#sent += sent.length;
    const hold = this.#hold;
    if (hold !== undefined && this.#sent >= hold.at) {
      hold.reached.resolve();
      await hold.released.promise;
    }
    if (this.isDelayed(sent)) await sleep(this.delayMs, undefined, { ref: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    for (const end of this.#ends) end();
    this.#server.close();
  }
}
