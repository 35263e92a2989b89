import { errorMessage, systemErrorCode, VersionsError } from '../errors/index.ts';
import { catalogDamaged, catalogMissing } from './catalog-errors.ts';

const expiredNames: ReadonlySet<string> = new Set(['ExpiredTokenException', 'ExpiredToken']);

const deniedNames: ReadonlySet<string> = new Set([
  'AccessDeniedException',
  'AccessDenied',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'IncompleteSignatureException',
  'SignatureDoesNotMatch',
  'MissingAuthenticationTokenException',
  'MissingAuthenticationToken',
  'InvalidClientTokenId',
  'CredentialsProviderError',
  'TokenProviderError',
  ...expiredNames,
]);

const throttledNames: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'RequestLimitExceeded',
  'LimitExceededException',
]);

/** True if the credentials were good once and are so no more. */
export function isExpired(error: unknown): boolean {
  return expiredNames.has(nameOf(error));
}

/** True if a conditional write was refused because its condition does not hold. */
export function isConditionFailed(error: unknown): boolean {
  return nameOf(error) === 'ConditionalCheckFailedException';
}

export function isTableMissing(error: unknown): boolean {
  return nameOf(error) === 'ResourceNotFoundException';
}

/** Somebody else makes the table just now, or has made it. */
export function isTableInUse(error: unknown): boolean {
  return nameOf(error) === 'ResourceInUseException';
}

/** What DynamoDB or its client said, as an error of ours. */
export function dynamoError(error: unknown, location: string): VersionsError {
  if (error instanceof VersionsError) return error;
  const name = nameOf(error);
  const details = { cause: error, context: { location } };
  if (isTableMissing(error)) return catalogMissing(location);
  if (name === 'CredentialsProviderError') return credentialsMissing(location, error);
  if (deniedNames.has(name)) {
    return new VersionsError('Denied', 'CATALOG_DENIED', deniedMessage(error, location), {
      ...details,
      hint: isExpired(error)
        ? 'Get new credentials and run the command again: it goes on where it stopped'
        : 'Check the credentials, the region and the policy; docs/operations.md has the policy that is needed',
    });
  }
  if (throttledNames.has(name)) {
    return new VersionsError(
      'Unavailable',
      'CATALOG_BUSY',
      `The catalog ${location} takes no more requests for now`,
      { ...details, hint: 'Run the command again in a minute; an on-demand table grows by itself' },
    );
  }
  if (name === 'ValidationException' || name === 'SerializationException') {
    return catalogDamaged(
      location,
      `refuses what a catalog must take: ${errorMessage(error)}`,
      error,
    );
  }
  if (/region is missing/i.test(errorMessage(error))) {
    return new VersionsError(
      'Usage',
      'CATALOG_REGION_MISSING',
      `No region is known for ${location}`,
      {
        ...details,
        hint: 'Add it: `dynamodb://TABLE?region=REGION`',
      },
    );
  }
  return unreachable(error, location);
}

/** Only whoever makes the table needs the right to; the words tell what to ask for. */
export function tableNotMade(location: string, table: string, cause: unknown): VersionsError {
  return new VersionsError(
    'Denied',
    'CATALOG_TABLE_DENIED',
    `The table ${table} does not exist, and these credentials may not make it: ${errorMessage(cause)}`,
    {
      cause,
      context: { location },
      hint: 'Allow dynamodb:CreateTable and dynamodb:DescribeTable, or have the table made: docs/operations.md shows how',
    },
  );
}

function credentialsMissing(location: string, cause: unknown): VersionsError {
  return new VersionsError('Denied', 'CATALOG_DENIED', `No credentials are found for ${location}`, {
    cause,
    context: { location },
    hint: 'Set AWS_PROFILE, or add `&profile=NAME` to the URL of the catalog',
  });
}

function deniedMessage(error: unknown, location: string): string {
  if (isExpired(error)) return `The credentials for ${location} have expired`;
  return `Not allowed to use ${location}: ${errorMessage(error)}`;
}

function unreachable(error: unknown, location: string): VersionsError {
  const code = systemErrorCode(error);
  const unknownHost = code === 'ENOTFOUND' || code === 'EAI_AGAIN';
  const why = errorMessage(error) || code || nameOf(error);
  return new VersionsError(
    'Unavailable',
    'CATALOG_FAILED',
    `The catalog ${location} cannot be reached: ${why}`,
    {
      cause: error,
      context: { location },
      hint: unknownHost
        ? 'Check the region and the endpoint in its URL, and the network'
        : 'Check the network and the endpoint in its URL, then run the command again; nothing was lost',
    },
  );
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}
