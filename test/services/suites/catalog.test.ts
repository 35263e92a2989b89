import { afterAll, beforeAll, vi } from 'vitest';
import { openCatalog } from '../../../src/core/catalog/index.ts';
import { catalogContract } from '../../contract/catalog.ts';
import { newCatalogUrl } from '../../support/dynamo-server.ts';
import { environmentOf, type Services, startServices } from '../services.ts';

let services: Services;
beforeAll(async () => {
  services = await startServices(['dynamodb']);
});
afterAll(() => services[Symbol.asyncDispose]());

catalogContract('in DynamoDB Local', async () => {
  for (const [name, value] of Object.entries(environmentOf(services))) vi.stubEnv(name, value);
  const url = newCatalogUrl(services.get('dynamodb').endpoint);
  return {
    open: () => openCatalog(url, { create: true }),
    isKept: true,
    remove: async () => {},
  };
});
