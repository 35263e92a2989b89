import { systemErrorCode, VersionsError } from '../errors/index.ts';
import { objectExists, objectNotFound } from './store-errors.ts';
import type { FailedCall } from './system-errors.ts';

/** The parts of an error of the SDK that decide what it means. */
interface Answer {
  /** The code of the provider, or what failed on the way. */
  readonly code: string;
  readonly status: number | undefined;
  readonly region: string | undefined;
}

/** A failed request to a bucket, in the words of `ObjectStore`. */
export function s3ErrorFrom(error: unknown, call: FailedCall): VersionsError {
  if (error instanceof VersionsError) return error;
  const answer = answerOf(error);
  const details = {
    context: {
      location: call.location,
      answer: answer.code,
      ...(answer.status !== undefined && { status: answer.status }),
      ...(call.key !== undefined && { key: call.key }),
    },
    cause: error,
  };
  const make = makers.find(({ matches }) => matches(answer))?.make ?? unavailable;
  return make(call, { answer, details });
}

/** Whether an error says that the credentials were good until lately. */
export function isExpired(error: unknown): boolean {
  return expiredCodes.has(answerOf(error).code);
}

/** The status of the provider's answer; undefined if there was none. */
export function statusOf(error: unknown): number | undefined {
  return answerOf(error).status;
}

interface Failure {
  readonly answer: Answer;
  readonly details: { readonly context: Record<string, string | number>; readonly cause: unknown };
}

interface Maker {
  readonly matches: (answer: Answer) => boolean;
  readonly make: (call: FailedCall, failure: Failure) => VersionsError;
}

const expiredCodes: ReadonlySet<string> = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'TokenRefreshRequired',
  'RequestExpired',
]);

const codes = (...names: readonly string[]): ((answer: Answer) => boolean) => {
  const set = new Set(names);
  return ({ code }) => set.has(code);
};

/** The first that matches decides; what none matches may be tried again. */
const makers: readonly Maker[] = [
  {
    matches: codes('NoSuchBucket'),
    make: ({ location }, { details }) =>
      new VersionsError('Unavailable', 'STORE_ABSENT', `There is no bucket for ${location}`, {
        ...details,
        hint: 'Make the bucket, or correct its name: `versions config show` shows the mirrors',
      }),
  },
  {
    matches: codes('NoSuchKey', 'NoSuchVersion'),
    make: ({ key = '', location }, { details }) => objectNotFound(key, location, details.cause),
  },
  {
    matches: ({ code, status }) => code === 'PreconditionFailed' || status === 412,
    make: ({ key = '', location }) => objectExists(key, location),
  },
  {
    matches: codes('InvalidObjectState'),
    make: ({ key = '', location }, { details }) =>
      new VersionsError('Unavailable', 'OBJECT_ARCHIVED', `${key} in ${location} is archived`, {
        ...details,
        hint: 'Ask for it with `versions restore --thaw` and run the command again in some hours, or let another mirror that has it be at hand',
      }),
  },
  { matches: ({ code }) => expiredCodes.has(code), make: credentialsExpired },
  {
    matches: codes('CredentialsProviderError', 'TokenProviderError'),
    make: ({ location }, { details }) =>
      new VersionsError('Denied', 'STORE_CREDENTIALS_MISSING', `No credentials for ${location}`, {
        ...details,
        hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or say `credentials = "profile:NAME"` beside the URL of the mirror: versions config path',
      }),
  },
  {
    matches: codes(
      'InvalidAccessKeyId',
      'SignatureDoesNotMatch',
      'InvalidToken',
      'InvalidClientTokenId',
      // versitygw's word for a key that it does not know.
      'XAdminUserNotFound',
    ),
    make: ({ location }, { answer, details }) =>
      new VersionsError(
        'Denied',
        'STORE_CREDENTIALS_REFUSED',
        `The credentials are not accepted for ${location} (${answer.code})`,
        { ...details, hint: 'Correct the access key and its secret: versions config show' },
      ),
  },
  {
    matches: codes('RequestTimeTooSkewed', 'RequestInTheFuture'),
    make: ({ location }, { details }) =>
      new VersionsError(
        'Unavailable',
        'STORE_CLOCK_SKEW',
        `The clock of this machine is too far from that of ${location}`,
        { ...details, hint: 'Set the clock of this machine, then run the command again' },
      ),
  },
  { matches: isWrongRegion, make: wrongRegion },
  {
    matches: codes('InvalidBucketName', 'InvalidStorageClass', 'InvalidURI'),
    make: ({ location }, { answer, details }) =>
      new VersionsError(
        'Usage',
        'STORE_REFUSES_SETTING',
        `${location} refuses what its URL says (${answer.code})`,
        { ...details, hint: 'Correct the URL of the mirror: versions config show' },
      ),
  },
  {
    matches: codes(
      'QuotaExceeded',
      'XMinioStorageFull',
      'AccountQuotaExceeded',
      'CapExceeded',
      'StorageFull',
      'ENOSPC',
    ),
    make: full,
  },
  { matches: ({ status }) => status === 507, make: full },
  {
    matches: ({ code, status }) =>
      status === 429 ||
      status === 503 ||
      [
        'SlowDown',
        'SlowDownRead',
        'SlowDownWrite',
        'Throttling',
        'ThrottlingException',
        'RequestLimitExceeded',
        'TooManyRequests',
        'ServiceUnavailable',
      ].includes(code),
    make: (call, failure) => tryAgain('STORE_THROTTLED', 'asks for fewer requests', call, failure),
  },
  {
    matches: ({ code }) => /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|EPROTO|ERR_SSL/.test(code),
    make: ({ location }, { answer, details }) =>
      new VersionsError(
        'Denied',
        'STORE_TLS_REFUSED',
        `No safe connection to ${location} (${answer.code})`,
        {
          ...details,
          hint: 'Check the endpoint, the clock and the certificates: versions config show',
        },
      ),
  },
  {
    matches: ({ status }) => status === 501 || status === 405,
    make: ({ action, location }, { answer, details }) =>
      new VersionsError(
        'Unsupported',
        'STORE_LACKS_FEATURE',
        `${location} cannot ${action} in the way that was asked for (${answer.code})`,
        {
          ...details,
          hint: 'Choose a provider that docs/providers.md lists: versions config show',
        },
      ),
  },
  {
    matches: ({ code, status }) => status === 401 || status === 403 || code === 'AccessDenied',
    make: (call, { answer, details }) =>
      new VersionsError(
        'Denied',
        'STORE_DENIED',
        `No permission to ${doing(call)} (${answer.code})`,
        {
          ...details,
          hint: 'Give the access key the rights that docs/providers.md lists, then run the command again',
        },
      ),
  },
  { matches: isUnreached, make: unreached },
  { matches: isRefusal, make: requestRefused },
];

function credentialsExpired({ location }: FailedCall, { details }: Failure): VersionsError {
  return new VersionsError(
    'Unavailable',
    'STORE_CREDENTIALS_EXPIRED',
    `The credentials for ${location} have expired`,
    { ...details, hint: 'Log in again, or renew them, then run the command again' },
  );
}

function full({ location }: FailedCall, { details }: Failure): VersionsError {
  return new VersionsError('Unavailable', 'STORE_FULL', `No space is left in ${location}`, {
    ...details,
    hint: 'Make room there, then run the command again; `versions verify` says what is missing where',
  });
}

function isWrongRegion({ code, status }: Answer): boolean {
  const named = codes(
    'PermanentRedirect',
    'TemporaryRedirect',
    'AuthorizationHeaderMalformed',
    'IllegalLocationConstraintException',
    'InvalidRegionName',
  );
  return named({ code, status, region: undefined }) || status === 301 || status === 307;
}

function wrongRegion({ location }: FailedCall, { answer, details }: Failure): VersionsError {
  const where = answer.region === undefined ? 'another region' : `region ${answer.region}`;
  return new VersionsError('Usage', 'STORE_REGION_WRONG', `${location} is in ${where}`, {
    ...details,
    hint: 'Correct region= in the URL of the mirror: versions config show',
  });
}

/** No connection came about, or nothing was heard on it that is HTTP: there was no answer. */
function isUnreached({ code, status }: Answer): boolean {
  return (
    status === undefined &&
    /^(?:ECONNREFUSED|ENOTFOUND|EAI_[A-Z]+|EHOST[A-Z]+|ENET[A-Z]+|ETIMEDOUT|HPE_[A-Z_]+|TimeoutError)$/.test(
      code,
    )
  );
}

function unreached(call: FailedCall, { answer, details }: Failure): VersionsError {
  const message = hasStalled(details.cause)
    ? `Could not ${doing(call)}: the connection has stalled, nothing was sent or heard for too long`
    : `${call.location} cannot be reached (${answer.code})`;
  return new VersionsError('Unavailable', 'STORE_UNREACHABLE', message, {
    ...details,
    hint: 'Check the endpoint in the URL of the mirror, and the network; `versions doctor` tries the mirrors out',
  });
}

/**
 * There was a connection, and then nothing more on it. The library has one name for that and for
 * no connection; only its words tell them apart.
 */
function hasStalled(error: unknown): boolean {
  return error instanceof Error && /timed out after .* of inactivity/.test(error.message);
}

/** What was spoiled on the way, or met another request, goes well the next time. */
const spoiledCodes: ReadonlySet<string> = new Set([
  'BadDigest',
  'ConditionalRequestConflict',
  'IncompleteBody',
  'InvalidDigest',
  'OperationAborted',
  'RequestTimeout',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** The provider understood the request and says that it is wrong. */
function isRefusal({ code, status = 0 }: Answer): boolean {
  return status >= 400 && status < 500 && ![408, 425].includes(status) && !spoiledCodes.has(code);
}

function requestRefused(call: FailedCall, { answer, details }: Failure): VersionsError {
  const message = `Could not ${doing(call)}: the answer was ${answer.status ?? 'no'} ${answer.code}`;
  return new VersionsError('Unavailable', 'STORE_REFUSES', message, {
    ...details,
    hint: 'Check the URL and the access key of the mirror; `versions doctor` tries the mirrors out',
  });
}

function unavailable(call: FailedCall, failure: Failure): VersionsError {
  const { answer } = failure;
  const status = answer.status === undefined ? '' : `, status ${answer.status}`;
  const message = `Could not ${doing(call)} (${answer.code}${status})`;
  return new VersionsError('Unavailable', 'STORE_UNAVAILABLE', message, failure.details);
}

function tryAgain(code: string, what: string, call: FailedCall, failure: Failure): VersionsError {
  return new VersionsError('Unavailable', code, `${call.location} ${what}`, failure.details);
}

function doing({ action, key, location }: FailedCall): string {
  return `${action} ${key === undefined ? location : `${key} in ${location}`}`;
}

/** Reads an error of the SDK without trusting its shape: a server may answer anything. */
function answerOf(error: unknown): Answer {
  const fields = record(error);
  const status = numberOf(record(fields['$metadata'])['httpStatusCode']);
  const response = record(fields['$response']);
  const headers = record(response['headers']);
  const region = textOf(fields['Region']) ?? textOf(headers['x-amz-bucket-region']);
  // What failed on the way stands in the system's code; what the provider says in the name.
  const system = error instanceof Error ? systemErrorCode(error) : undefined;
  const nested = systemErrorCode(fields['cause']);
  const name = textOf(fields['Code']) ?? textOf(fields['name']) ?? 'unknown';
  const generic = ['Error', 'UnknownError', 'TypeError', 'unknown'].includes(name);
  const code = generic ? (system ?? nested ?? name) : name;
  return { code: code.slice(0, 80), status, region };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value, ...own(value) } : {};
}

/** The name of an error is not its own property; a code may be inherited too. */
function own(value: object): Record<string, unknown> {
  return {
    ...('name' in value && { name: value.name }),
    ...('cause' in value && { cause: value.cause }),
    ...('$response' in value && { $response: value.$response }),
    ...('$metadata' in value && { $metadata: value.$metadata }),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
