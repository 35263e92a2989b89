import { describe, vi } from 'vitest';
import { openCatalog } from '../../../src/core/catalog/index.ts';
import { catalogContract } from '../../contract/catalog.ts';
import { newCatalogUrl } from '../../support/dynamo-server.ts';
import { dynamodb, environment } from './server.ts';

describe.skipIf(dynamodb === undefined)('VERSIONS_TEST_DYNAMODB', () => {
  catalogContract('in a table there', async () => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const url = newCatalogUrl(dynamodb ?? '');
    return {
      open: () => openCatalog(url, { create: true }),
      isKept: true,
      remove: async () => {},
    };
  });
});
