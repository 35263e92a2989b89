import { catalogContract } from '../../../test/contract/catalog.ts';
import { MemoryCatalog } from './memory-catalog.ts';

catalogContract('in memory', async () => {
  const catalog = new MemoryCatalog();
  return { open: async () => catalog, isKept: true, remove: async () => {} };
});
