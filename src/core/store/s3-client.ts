import type * as Library from '@aws-sdk/client-s3';
import type {
  PutObjectCommand,
  PutObjectCommandInput,
  S3Client,
  S3ClientConfig,
} from '@aws-sdk/client-s3';
import { VersionsError } from '../errors/index.ts';
import type { S3Place } from './s3-url.ts';

/** What a provider knows an account by. */
export interface AccessKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Milliseconds since 1970; asked for anew before. */
  readonly expiresAt?: number | undefined;
}

/** Where the keys come from; if nothing is said, from where the AWS tools look. */
export type StoreCredentials =
  | { readonly kind: 'profile'; readonly profile: string }
  | { readonly kind: 'keys'; readonly load: () => Promise<AccessKeys> };

/** The library itself, once it is loaded. */
export type Sdk = typeof Library;

/** A client and the library it comes from. */
export interface S3Session {
  readonly sdk: Sdk;
  readonly client: S3Client;
}

/** Calls at once to one bucket; sixteen packs on their way fill any line and no memory. */
export const s3ConnectionsMax = 16;

const connectMsMax = 5_000;
/** Nothing sent and nothing received for so long: the call has stalled. */
const idleMsMax = 60_000;

/**
 * A client for one bucket, which tries everything once, if need be over a new connection each. The
 * library is loaded here and not before: most commands never need it.
 */
export async function openS3Session(
  place: S3Place,
  credentials: StoreCredentials | undefined,
  { isFresh = false }: { readonly isFresh?: boolean | undefined } = {},
): Promise<S3Session> {
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client(configOf(place, credentials, !isFresh));
  // Else every request would fail with an error that looks as if it might pass.
  if (place.region === undefined) {
    await client.config.region().catch((error: unknown) => {
      client.destroy();
      throw regionMissing(place.location, error);
    });
  }
  return { sdk, client };
}

/**
 * The request for storing an object, signed with the SHA-256 of its body, which is known: the
 * library would compute it again. One that `asksFirst` sends its body only when the server says so,
 * or has said nothing for six seconds: a refusal is heard before the connection is closed.
 */
export function putCommand(
  sdk: Sdk,
  input: PutObjectCommandInput,
  { sha256, asksFirst }: { readonly sha256: string; readonly asksFirst: boolean },
): PutObjectCommand {
  const command = new sdk.PutObjectCommand(input);
  command.middlewareStack.add(
    (next) => (args) => {
      const { request } = args;
      if (hasHeaders(request)) {
        request.headers['x-amz-content-sha256'] = sha256;
        if (asksFirst) request.headers['expect'] = '100-continue';
      }
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'presetPayloadHash' },
  );
  return command;
}

function regionMissing(location: string, cause: unknown): VersionsError {
  return new VersionsError('Usage', 'STORE_REGION_MISSING', `No region is known for ${location}`, {
    hint: 'Write s3://BUCKET/PREFIX?region=REGION, or set AWS_REGION',
    context: { location },
    cause,
  });
}

function configOf(
  place: S3Place,
  credentials: StoreCredentials | undefined,
  keepAlive: boolean,
): S3ClientConfig {
  const agent = { keepAlive, maxSockets: s3ConnectionsMax + 1 };
  return {
    ...(place.region !== undefined && { region: place.region }),
    ...(place.endpoint !== undefined && { endpoint: place.endpoint }),
    ...(credentials?.kind === 'profile' && { profile: credentials.profile }),
    ...(credentials?.kind === 'keys' && {
      credentials: async () => sdkKeys(await credentials.load()),
    }),
    forcePathStyle: place.pathStyle,
    // `RetryingStore` tries again; it knows what the others of this mirror are doing.
    maxAttempts: 1,
    retryMode: 'standard',
    // Checksums of other kinds are refused by some providers; the hash of the payload is not.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Servers that do not know `Expect` would cost six seconds a pack.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: connectMsMax,
      socketTimeout: idleMsMax,
      httpAgent: agent,
      httpsAgent: agent,
    },
    // The core never prints, and neither may what it uses.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  };
}

function sdkKeys({ accessKeyId, secretAccessKey, sessionToken, expiresAt }: AccessKeys) {
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    ...(expiresAt !== undefined && { expiration: new Date(expiresAt) }),
  };
}

function hasHeaders(request: unknown): request is { headers: Record<string, string> } {
  return typeof request === 'object' && request !== null && 'headers' in request;
}
