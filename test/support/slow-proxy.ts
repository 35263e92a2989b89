import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Stands before a server on this machine and passes on what is sent to it after a while. */
export class SlowProxy implements AsyncDisposable {
  /** How long what is sent waits. */
  delayMs = 0;
  readonly endpoint: string;
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
        const waited = sleep(proxy.delayMs, undefined, { ref: false });
        written = Promise.all([written, waited]).then(() => inner.destroyed || inner.write(chunk));
      });
    });
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends) end();
    this.#server.close();
  }
}
