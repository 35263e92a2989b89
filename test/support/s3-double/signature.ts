import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Account {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Where the keys are for a while: what must be sent with them. */
  readonly sessionToken?: string | undefined;
}

/** Why a request is refused: the code, and the region that would have been right. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly region?: string;
}

const skewMsMax = 15 * 60_000;
const authorizationPattern =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

/** Checks the signature of a request as a provider does (Signature Version 4). */
export function checkSignature(
  request: IncomingMessage,
  server: { readonly account: Account; readonly region: string; readonly nowMs: number },
): Refusal | undefined {
  const header = (name: string): string => String(request.headers[name] ?? '');
  const match = authorizationPattern.exec(header('authorization'));
  if (match === null) return { status: 403, code: 'AccessDenied' };
  const [, id = '', day = '', region = '', names = '', signature] = match;
  const { account } = server;
  if (id !== account.accessKeyId) return { status: 403, code: 'InvalidAccessKeyId' };
  if (
    account.sessionToken !== undefined &&
    header('x-amz-security-token') !== account.sessionToken
  ) {
    return { status: 400, code: 'ExpiredToken' };
  }
  if (region !== server.region) {
    return { status: 400, code: 'AuthorizationHeaderMalformed', region: server.region };
  }
  const time = header('x-amz-date');
  if (Math.abs(timeOf(time) - server.nowMs) > skewMsMax) {
    return { status: 403, code: 'RequestTimeTooSkewed' };
  }
  const scope = `${day}/${region}/s3/aws4_request`;
  const hash = createHash('sha256').update(canonicalRequest(request, names)).digest('hex');
  const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash}`;
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (last, part) => createHmac('sha256', last).update(part).digest(),
    `AWS4${account.secretAccessKey}`,
  );
  const expected = createHmac('sha256', key).update(text).digest('hex');
  return expected === signature ? undefined : { status: 403, code: 'SignatureDoesNotMatch' };
}

function canonicalRequest(request: IncomingMessage, names: string): string {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const parameters = query.split('&').filter((parameter) => parameter !== '');
  const inOrder = parameters
    .map((parameter) => (parameter.includes('=') ? parameter : `${parameter}=`))
    .sort();
  const headers = names
    .split(';')
    .map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`);
  return [
    request.method,
    path,
    inOrder.join('&'),
    headers.join(''),
    names,
    request.headers['x-amz-content-sha256'],
  ].join('\n');
}

/** `20300101T000000Z` in milliseconds since 1970. */
function timeOf(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return 0;
  const [year = 0, month = 0, ...rest] = match.slice(1).map(Number);
  const [day = 0, hour = 0, minute = 0, second = 0] = rest;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
