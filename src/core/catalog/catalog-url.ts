import { isAbsolute } from 'node:path';
import { VersionsError } from '../errors/index.ts';
import type { Catalog } from './catalog.ts';
import { SqliteCatalog, type SqliteCatalogOptions } from './sqlite-catalog.ts';

/** Where a catalog is. */
export interface CatalogPlace {
  readonly kind: 'sqlite';
  readonly path: string;
}

/**
 * Reads what a user wrote for `--catalog`: `sqlite:PATH` with an absolute path, taken literally
 * (no `~`, no `%20`). Throws `Usage` (CATALOG_URL_INVALID) or `Unsupported`
 * (CATALOG_KIND_UNSUPPORTED).
 */
export function parseCatalogUrl(url: string): CatalogPlace {
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(url) ?? [];
  switch (scheme?.toLowerCase()) {
    case 'sqlite':
      return { kind: 'sqlite', path: parsePath(url, rest) };
    case 'dynamodb':
      throw new VersionsError(
        'Unsupported',
        'CATALOG_KIND_UNSUPPORTED',
        'This version cannot keep its catalog in DynamoDB yet',
        { hint: 'Use `sqlite:/PATH` for now', context: { url } },
      );
    default:
      throw invalid(url, 'does not name a kind of catalog', 'Write it as `sqlite:/PATH`');
  }
}

/** Opens the catalog that a URL names. */
export async function openCatalog(
  url: string,
  options: SqliteCatalogOptions = {},
): Promise<Catalog> {
  return SqliteCatalog.open(parseCatalogUrl(url).path, options);
}

function parsePath(url: string, rest: string): string {
  if (/^\/\/[^/]/.test(rest)) {
    throw invalid(url, 'names a host', 'Write one slash, as in `sqlite:/home/ann/catalog.db`');
  }
  const path = rest.startsWith('///') ? rest.slice(2) : rest;
  if (path === '') throw invalid(url, 'has no path', 'Write it as `sqlite:/PATH`');
  if (path.startsWith('~')) {
    throw invalid(url, 'has a path that begins with ~', 'Write the home directory out in full');
  }
  if (!isAbsolute(path)) {
    throw invalid(url, 'has a relative path', 'Write the path in full, from / on');
  }
  if (path.includes('\0') || /[/\\]$/.test(path)) {
    throw invalid(url, 'does not name a file', 'Write the path of a file, such as catalog.db');
  }
  return path;
}

function invalid(url: string, what: string, hint: string): VersionsError {
  return new VersionsError('Usage', 'CATALOG_URL_INVALID', `The catalog "${url}" ${what}`, {
    hint,
    context: { url },
  });
}
