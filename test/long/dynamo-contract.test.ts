import { afterAll, beforeAll } from 'vitest';
import { openCatalog } from '../../src/core/catalog/index.ts';
import { catalogContract } from '../contract/catalog.ts';
import { type DynamoServer, startDynamo } from '../support/dynamo-server.ts';

let server: DynamoServer;
beforeAll(async () => {
  server = await startDynamo();
});
afterAll(() => server[Symbol.asyncDispose]());

catalogContract('in a table of DynamoDB', async () => {
  const url = server.catalogUrl();
  return {
    open: () => openCatalog(url, { create: true }),
    isKept: true,
    remove: async () => {},
  };
});
