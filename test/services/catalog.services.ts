import { openCatalog } from '../../src/core/catalog/index.ts';
import { catalogContract } from '../contract/catalog.ts';
import { dynamoCredentials, newCatalogUrl } from '../support/dynamo-server.ts';

const endpoint = process.env['VERSIONS_TEST_DYNAMODB'];
if (endpoint === undefined)
  throw new Error('Run it by: node test/services/main.ts run dynamodb -- …');

// It takes letters and digits only.
Object.assign(process.env, dynamoCredentials);

catalogContract('in DynamoDB Local', async () => {
  const url = newCatalogUrl(endpoint);
  return {
    open: () => openCatalog(url, { create: true }),
    isKept: true,
    remove: async () => {},
  };
});
