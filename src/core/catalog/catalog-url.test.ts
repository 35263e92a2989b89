import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCatalog, parseCatalogUrl } from './catalog-url.ts';

describe('the URL of a catalog', () => {
  it.each([
    ['sqlite:/home/ann/catalog.db', '/home/ann/catalog.db'],
    ['sqlite:///home/ann/catalog.db', '/home/ann/catalog.db'],
    ['SQLite:/a', '/a'],
    ['sqlite:/a b/ü?mode=memory#x%20y', '/a b/ü?mode=memory#x%20y'],
  ])('%s is the file %s', (url, path) => {
    expect(parseCatalogUrl(url)).toEqual({ kind: 'sqlite', path });
  });

  it.each([
    ['', /sqlite:/],
    ['/home/ann/catalog.db', /sqlite:/],
    ['postgres://host/db', /sqlite:/],
    ['sqlite:', /sqlite:/],
    ['sqlite:catalog.db', /in full/],
    ['sqlite:./catalog.db', /in full/],
    ['sqlite::memory:', /in full/],
    ['sqlite:~/catalog.db', /home directory/],
    ['sqlite:~ann/catalog.db', /home directory/],
    ['sqlite://host/catalog.db', /one slash/],
    ['sqlite:/home/ann/', /path of a file/],
    ['sqlite:/home/ann/a\0b', /path of a file/],
  ])('%j is refused with a hint', (url, hint) => {
    expect(() => parseCatalogUrl(url)).toThrow(
      expect.objectContaining({
        kind: 'Usage',
        code: 'CATALOG_URL_INVALID',
        hint: expect.stringMatching(hint),
      }),
    );
  });

  it('knows DynamoDB, but not yet how to use it', () => {
    expect(() => parseCatalogUrl('dynamodb://table?region=eu-central-1')).toThrow(
      expect.objectContaining({ kind: 'Unsupported', code: 'CATALOG_KIND_UNSUPPORTED' }),
    );
  });

  it('opens a catalog', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'catalog-'));
    const url = `sqlite:${join(directory, 'a?b#c%20d', 'catalog.db')}`;
    await expect(openCatalog(url)).rejects.toMatchObject({ code: 'CATALOG_MISSING' });
    await using catalog = await openCatalog(url, { create: true });
    expect(catalog.location).toBe(url);
    rmSync(directory, { recursive: true });
  });
});
