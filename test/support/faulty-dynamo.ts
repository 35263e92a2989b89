import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An operation as a client asks for it. */
export interface DynamoRequest {
  /** Such as `PutItem`. */
  readonly operation: string;
  readonly body: Record<string, unknown>;
}

/** What becomes of one request, instead of being passed on. */
export type DynamoFault =
  /** An error of DynamoDB, by its name. */
  | { readonly fail: string; readonly status?: number }
  /** It is carried out, but the connection breaks before the answer. */
  | 'lose-answer'
  /** Another request is carried out, and its answer may be changed. */
  | {
      readonly instead: Record<string, unknown>;
      readonly answer?: (answer: Record<string, unknown>) => Record<string, unknown>;
    };

/** Stands between a client and a DynamoDB, hears everything and spoils what it is told to. */
export interface FaultyDynamo extends AsyncDisposable {
  readonly endpoint: string;
  /** The operations that were asked for, in order. */
  readonly operations: string[];
  /** Asked for each request; undefined passes it on. */
  fault: (request: DynamoRequest) => DynamoFault | undefined;
}

export async function startFaultyDynamo(target: string): Promise<FaultyDynamo> {
  const operations: string[] = [];
  const faulty: { fault: FaultyDynamo['fault'] } = { fault: () => undefined };
  const server = createServer((request, response) => {
    void serve(request, response).catch(() => response.destroy());
  });
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    operations.push(operation);
    const text = Buffer.concat(chunks).toString();
    const body = JSON.parse(text) as Record<string, unknown>;
    const fault = faulty.fault({ operation, body });
    if (typeof fault === 'object' && 'fail' in fault) {
      response.writeHead(fault.status ?? 400, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: `com.amazonaws#${fault.fail}`, message: fault.fail }));
      return;
    }
    const isOther = typeof fault === 'object';
    const { status, answer } = await pass(request, isOther ? JSON.stringify(fault.instead) : text);
    if (fault === 'lose-answer') {
      request.socket.destroy();
      return;
    }
    const changed =
      isOther && fault.answer
        ? JSON.stringify(fault.answer(JSON.parse(answer) as Record<string, unknown>))
        : answer;
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(changed);
  };
  const pass = async (
    request: IncomingMessage,
    body: string,
  ): Promise<{ readonly status: number; readonly answer: string }> => {
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': String(request.headers['x-amz-target']),
      'x-amz-date': String(request.headers['x-amz-date']),
      authorization: String(request.headers.authorization),
    };
    const passed = await fetch(target, { method: 'POST', headers, body });
    return { status: passed.status, answer: await passed.text() };
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo;
  return Object.assign(faulty, {
    endpoint: `http://127.0.0.1:${port}`,
    operations,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}
