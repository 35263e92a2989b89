import { VersionsError } from '../errors/index.ts';

/** What an `s3://` URL says about a mirror. */
export interface S3Place {
  readonly bucket: string;
  /** Comes before every key: empty, or ends with a slash. */
  readonly prefix: string;
  /** Undefined: what the AWS configuration of the machine says. */
  readonly region: string | undefined;
  /** Undefined: AWS. */
  readonly endpoint: string | undefined;
  /** The bucket stands in the path, not in the name of the host. */
  readonly pathStyle: boolean;
  /** Of packs of data; everything else stays where it can be read at once. */
  readonly storageClass: string | undefined;
  /** Packs and journal may not be deleted for so long. */
  readonly lock: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number } | undefined;
  /** For people, without anything secret. */
  readonly location: string;
}

const known = ['region', 'endpoint', 'path-style', 'storage-class', 'lock-days', 'lock-mode'];

/**
 * `s3://BUCKET/PREFIX?region=…&endpoint=…&path-style=true&storage-class=…&lock-days=…&lock-mode=…`.
 * Throws `Usage` (STORE_URL_INVALID), which never repeats the URL: it may hold a secret.
 */
export function parseS3Url(url: string): S3Place {
  const parsed = parse(url);
  if (parsed.username !== '' || parsed.password !== '') {
    throw invalid('holds a user name or password; credentials have a place of their own', {
      hint: 'Say `credentials = "profile:NAME"` beside the URL in the configuration',
    });
  }
  const bucket = parsed.hostname;
  if (parsed.port !== '' || !/^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/.test(bucket)) {
    throw invalid('does not begin with s3://BUCKET/, a bucket of 3 to 63 letters, digits, . and -');
  }
  if (parsed.hash !== '') throw invalid('has a "#"; write it as %23');
  const values = valuesOf(parsed);
  const endpoint = endpointOf(values.get('endpoint'));
  const prefix = prefixOf(parsed.pathname);
  const where = endpoint === undefined ? '' : ` at ${endpoint}`;
  return {
    bucket,
    prefix,
    region: regionOf(values.get('region')) ?? (endpoint === undefined ? undefined : 'us-east-1'),
    endpoint,
    // A dot in the bucket's name does not fit the certificate of the host.
    pathStyle: flagOf(values.get('path-style')) ?? (endpoint !== undefined || bucket.includes('.')),
    storageClass: storageClassOf(values.get('storage-class')),
    lock: lockOf(values.get('lock-days'), values.get('lock-mode')),
    location: `s3://${[bucket, ...(prefix === '' ? [] : [prefix.slice(0, -1)])].join('/')}${where}`,
  };
}

function parse(url: string): URL {
  try {
    return new URL(url);
  } catch (error) {
    throw invalid('is not of the form s3://BUCKET/PREFIX?region=…', { cause: error });
  }
}

function valuesOf(parsed: URL): Map<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of parsed.searchParams) {
    if (!known.includes(name)) {
      throw invalid(
        `has the parameter ${JSON.stringify(name.slice(0, 40))}; known are ${known.join(', ')}`,
      );
    }
    if (values.has(name)) throw invalid(`has the parameter ${name} twice`);
    if (value === '') throw invalid(`has no value for ${name}`);
    values.set(name, value);
  }
  return values;
}

const prefixBytesMax = 500;

function prefixOf(pathname: string): string {
  let path: string;
  try {
    path = decodeURIComponent(pathname);
  } catch (error) {
    throw invalid('has a "%" that stands for nothing; write it as %25', { cause: error });
  }
  const segments = path
    .replace(/^\//, '')
    .replace(/(?<=.)\/$/, '')
    .split('/');
  if (segments.length === 1 && segments[0] === '') return '';
  // Servers and their libraries disagree about what these mean.
  if (segments.some((segment) => ['', '.', '..'].includes(segment))) {
    throw invalid('has an empty segment, "." or ".." in its prefix');
  }
  const prefix = `${segments.join('/')}/`;
  if (Buffer.byteLength(prefix) > prefixBytesMax || /\p{Cc}/u.test(prefix)) {
    throw invalid(`has a prefix with control characters or of more than ${prefixBytesMax} bytes`);
  }
  return prefix;
}

function endpointOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const what = 'has an endpoint that is not of the form https://HOST or https://HOST:PORT';
  const endpoint = URL.canParse(text) ? new URL(text) : undefined;
  if (endpoint === undefined || !/^https?:$/.test(endpoint.protocol)) throw invalid(what);
  const { username, password, search, hash, pathname } = endpoint;
  if ([username, password, search, hash].some((part) => part !== '') || pathname !== '/') {
    throw invalid(what);
  }
  return endpoint.origin;
}

function regionOf(text: string | undefined): string | undefined {
  if (text === undefined || /^[A-Za-z0-9-]{1,64}$/.test(text)) return text;
  throw invalid('has a region that is none: letters, digits and -');
}

function flagOf(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  throw invalid('has a path-style that is neither true nor false');
}

function storageClassOf(text: string | undefined): string | undefined {
  // What was just stored could not be read back, by healing neither.
  if (/^(GLACIER|DEEP_ARCHIVE)$/i.test(text ?? '')) {
    throw invalid('has a storage-class that cannot be read at once; GLACIER_IR can');
  }
  if (text === undefined || /^[A-Z0-9_-]{1,64}$/i.test(text)) return text?.toUpperCase();
  throw invalid('has a storage-class that is none, such as STANDARD_IA or GLACIER_IR');
}

const lockDaysMax = 36_500;

function lockOf(days: string | undefined, mode: string | undefined): S3Place['lock'] {
  if (days === undefined) {
    if (mode === undefined) return undefined;
    throw invalid('has a lock-mode but no lock-days');
  }
  const count = /^\d{1,6}$/.test(days) ? Number(days) : 0;
  if (count < 1 || count > lockDaysMax) {
    throw invalid(`has lock-days that are not a whole number from 1 to ${lockDaysMax}`);
  }
  const asked = (mode ?? 'governance').toLowerCase();
  if (asked === 'governance') return { mode: 'GOVERNANCE', days: count };
  if (asked === 'compliance') return { mode: 'COMPLIANCE', days: count };
  throw invalid('has a lock-mode that is neither governance nor compliance');
}

function invalid(
  what: string,
  details: { readonly hint?: string; readonly cause?: unknown } = {},
): VersionsError {
  return new VersionsError('Usage', 'STORE_URL_INVALID', `The URL of a mirror ${what}`, {
    hint: 'Write s3://BUCKET/PREFIX?region=…&endpoint=…; `versions config show` shows the URLs',
    ...details,
  });
}
