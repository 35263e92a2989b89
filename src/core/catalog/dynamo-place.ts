import { VersionsError } from '../errors/index.ts';

/** A table of DynamoDB, and how to reach it. What is not given comes from the AWS settings. */
export interface DynamoPlace {
  readonly kind: 'dynamodb';
  readonly table: string;
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly profile?: string | undefined;
}

const tablePattern = /^[a-zA-Z0-9_.-]{3,255}$/;
const knownParameters = ['region', 'endpoint', 'profile'] as const;

/** The URL without what tells how to get there: where the catalog is, for people. */
export function dynamoLocation({ table, region, endpoint }: DynamoPlace): string {
  const query = new URLSearchParams();
  if (region !== undefined) query.set('region', region);
  if (endpoint !== undefined) query.set('endpoint', endpoint);
  const text = decodeURIComponent(query.toString());
  return `dynamodb://${table}${text === '' ? '' : `?${text}`}`;
}

/**
 * Reads `dynamodb://TABLE?region=…&endpoint=…&profile=…`. Throws `Usage` (CATALOG_URL_INVALID): a
 * parameter that is not known is a typing error, and an endpoint with a name and password in it
 * would end up in logs.
 */
export function parseDynamoUrl(url: string, rest: string): DynamoPlace {
  const [, table = '', query = ''] = /^\/\/([^/?#]*)\/?(?:\?(.*))?$/s.exec(rest) ?? [];
  if (!tablePattern.test(table)) {
    throw invalidCatalogUrl(
      url,
      'does not name a table',
      'Write it as `dynamodb://TABLE?region=REGION`; a table has 3 to 255 of a-z A-Z 0-9 _ . -',
    );
  }
  const parameters = new URLSearchParams(query);
  for (const name of new Set(parameters.keys())) {
    if (!knownParameters.some((known) => known === name)) {
      const known = knownParameters.join(', ');
      throw invalidCatalogUrl(url, `has an unknown parameter, ${name}`, `Known ones are ${known}`);
    }
    if (parameters.getAll(name).length > 1) {
      throw invalidCatalogUrl(url, `says ${name} twice`, 'Leave one of them');
    }
  }
  const value = (name: (typeof knownParameters)[number]): string | undefined => {
    const found = parameters.get(name);
    if (found === '') throw invalidCatalogUrl(url, `has an empty ${name}`, `Leave ${name} away`);
    return found ?? undefined;
  };
  const endpoint = value('endpoint');
  if (endpoint !== undefined) checkEndpoint(url, endpoint);
  return { kind: 'dynamodb', table, region: value('region'), endpoint, profile: value('profile') };
}

export function invalidCatalogUrl(url: string, what: string, hint: string): VersionsError {
  return new VersionsError('Usage', 'CATALOG_URL_INVALID', `The catalog "${url}" ${what}`, {
    hint,
    context: { url },
  });
}

function checkEndpoint(url: string, endpoint: string): void {
  const parsed = URL.parse(endpoint);
  const isWeb = parsed?.protocol === 'http:' || parsed?.protocol === 'https:';
  if (parsed === null || !isWeb || parsed.username !== '' || parsed.password !== '') {
    throw invalidCatalogUrl(
      url.replace(endpoint, '…'),
      'has an endpoint that is not a plain URL',
      'Write it as `endpoint=https://HOST:PORT`, without a name and password in it',
    );
  }
}
