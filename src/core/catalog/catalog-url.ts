import { isAbsolute } from 'node:path';
import type { Clock, Random } from '../base/index.ts';
import type { Catalog } from './catalog.ts';
import { invalidCatalogUrl, parseDynamoUrl, type DynamoPlace } from './dynamo-place.ts';
import { SqliteCatalog } from './sqlite-catalog.ts';

/** Where a catalog is. */
export type CatalogPlace = { readonly kind: 'sqlite'; readonly path: string } | DynamoPlace;

export interface OpenCatalogOptions {
  /** Every change fails; reading works beside a writer. */
  readonly readOnly?: boolean | undefined;
  /** Make the catalog if there is none. */
  readonly create?: boolean | undefined;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Reads what a user wrote for `--catalog`: `sqlite:PATH` with an absolute path, taken literally
 * (no `~`, no `%20`), or `dynamodb://TABLE?region=…&endpoint=…&profile=…`. Throws `Usage`
 * (CATALOG_URL_INVALID).
 */
export function parseCatalogUrl(url: string): CatalogPlace {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(url) ?? [];
  switch (scheme?.toLowerCase()) {
    case 'sqlite':
      return { kind: 'sqlite', path: parsePath(url, rest) };
    case 'dynamodb':
      return parseDynamoUrl(url, rest);
    default:
      throw invalidCatalogUrl(
        url,
        'does not name a kind of catalog',
        'Write it as `sqlite:/PATH` or `dynamodb://TABLE?region=REGION`',
      );
  }
}

/** Opens the catalog that a URL names. */
export async function openCatalog(url: string, options: OpenCatalogOptions = {}): Promise<Catalog> {
  const place = parseCatalogUrl(url);
  if (place.kind === 'sqlite') return SqliteCatalog.open(place.path, options);
  // Loaded only where it is used: the client of DynamoDB takes longer to load than all the rest.
  const { DynamoCatalog } = await import('./dynamo-catalog.ts');
  return DynamoCatalog.open(place, options);
}

function parsePath(url: string, rest: string): string {
  if (/^\/\/[^/]/.test(rest)) {
    throw invalidCatalogUrl(
      url,
      'names a host',
      'Write one slash, as in `sqlite:/home/ann/catalog.db`',
    );
  }
  const path = rest.startsWith('///') ? rest.slice(2) : rest;
  if (path === '') throw invalidCatalogUrl(url, 'has no path', 'Write it as `sqlite:/PATH`');
  if (path.startsWith('~')) {
    throw invalidCatalogUrl(
      url,
      'has a path that begins with ~',
      'Write the home directory out in full',
    );
  }
  if (!isAbsolute(path)) {
    throw invalidCatalogUrl(url, 'has a relative path', 'Write the path in full, from / on');
  }
  if (path.includes('\0') || /[/\\]$/.test(path)) {
    throw invalidCatalogUrl(
      url,
      'does not name a file',
      'Write the path of a file, such as catalog.db',
    );
  }
  return path;
}
