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

  it.each([
    ['dynamodb://backups', { table: 'backups' }],
    [
      'DynamoDB://My_Table.1-a/?region=eu-central-1',
      { table: 'My_Table.1-a', region: 'eu-central-1' },
    ],
    [
      'dynamodb://abc?endpoint=http://127.0.0.1:8000&profile=ann',
      { table: 'abc', endpoint: 'http://127.0.0.1:8000', profile: 'ann' },
    ],
  ])('%s is a table', (url, place) => {
    expect(parseCatalogUrl(url)).toEqual({
      kind: 'dynamodb',
      region: undefined,
      endpoint: undefined,
      profile: undefined,
      ...place,
    });
  });

  it.each([
    ['dynamodb:', /TABLE/],
    ['dynamodb:backups', /TABLE/],
    ['dynamodb://ab', /3 to 255/],
    ['dynamodb://bäckups', /3 to 255/],
    ['dynamodb://table/more', /TABLE/],
    ['dynamodb://table?regoin=a', /region, endpoint, profile/],
    ['dynamodb://table?region=', /away/],
    ['dynamodb://table?region=a&region=b', /one of them/],
    ['dynamodb://table?endpoint=localhost:8000', /HOST:PORT/],
    ['dynamodb://table?endpoint=ftp://host', /HOST:PORT/],
    ['dynamodb://table?endpoint=https://ann:secret@host', /without a name and password/],
  ])('%j is refused with a hint', (url, hint) => {
    let error: unknown;
    try {
      parseCatalogUrl(url);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      kind: 'Usage',
      code: 'CATALOG_URL_INVALID',
      hint: expect.stringMatching(hint),
    });
    expect(String(error)).not.toContain('secret');
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
