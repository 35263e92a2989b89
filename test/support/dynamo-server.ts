import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import dynalite from 'dynalite';

/** What a client needs to be let in: any values do. */
export const dynamoCredentials: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
};

/** A DynamoDB in this process. It knows what catalogs use but TTL. */
export interface DynamoServer extends AsyncDisposable {
  readonly endpoint: string;
  /** What was asked so far: the names of the calls. */
  readonly requests: string[];
  /** The URL of a catalog in a table that does not exist yet. */
  catalogUrl(): string;
}

let tables = 0;

/** Catalog URLs with new table names on a server. */
export function newCatalogUrl(endpoint: string): string {
  tables += 1;
  const table = `versions-${process.pid}-${Date.now()}-${tables}`;
  return `dynamodb://${table}?endpoint=${endpoint}`;
}

/** Starts one on a free port. */
export async function startDynamo(): Promise<DynamoServer> {
  Object.assign(process.env, dynamoCredentials);
  const server = dynalite({ createTableMs: 20, deleteTableMs: 0, updateTableMs: 0 });
  const requests: string[] = [];
  server.on('request', ({ headers }: IncomingMessage) => {
    requests.push(String(headers['x-amz-target']).replace(/^.*\./, ''));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    endpoint,
    requests,
    catalogUrl: () => newCatalogUrl(endpoint),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
