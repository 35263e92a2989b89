import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  request as send,
  type Server,
  type ServerResponse,
} from 'node:http';

/** A request as it came by. */
export interface WatchedRequest {
  readonly method: string;
  /** Without what follows the question mark. */
  readonly path: string;
  readonly query: string;
  /** Whose signature it bears. */
  readonly keyId: string | undefined;
}

/** What is answered instead of passing a request on. */
export interface Interference {
  readonly status: number;
  readonly code: string;
}

/**
 * Stands before a server on this machine: notes each request and passes it on as it is, or answers
 * it itself.
 */
export class WatchedServer implements AsyncDisposable {
  readonly endpoint: string;
  readonly requests: WatchedRequest[] = [];
  /** Asked about each request; undefined passes it on. */
  interfere: (request: WatchedRequest) => Interference | undefined = () => undefined;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${port}`;
  }

  static async start(before: string): Promise<WatchedServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('It does not listen');
    const watched = new WatchedServer(server, address.port);
    const { port } = new URL(before);
    server.on('request', (request, response) => {
      watched.#serve(request, response, Number(port));
    });
    return watched;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #serve(request: IncomingMessage, response: ServerResponse, port: number): void {
    const { method = '', url = '', headers } = request;
    const [path = '', query = ''] = url.split('?');
    const keyId = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1];
    const seen = { method, path: decodeURIComponent(path), query, keyId };
    this.requests.push(seen);
    const instead = this.interfere(seen);
    const end = (): void => void response.destroy();
    if (instead !== undefined) {
      request.resume().once('end', () => {
        const xml = `<Error><Code>${instead.code}</Code></Error>`;
        response.writeHead(instead.status, { 'Content-Type': 'application/xml' }).end(xml);
      });
      return;
    }
    // The name of the host is signed, and stays as it came.
    const inner = send({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on('error', end).pipe(response);
    });
    inner.on('error', end);
    request.on('error', () => inner.destroy()).pipe(inner);
  }
}
