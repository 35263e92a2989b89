import { createHash } from 'node:crypto';
import type { Bucket, Version } from './bucket.ts';
import { element, type Reply, refused } from './reply.ts';
import type { Seen } from './faults.ts';

/** Requests for one object, as S3 answers them. */
export function answerObject(
  request: Seen & { readonly body: Buffer },
  bucket: Bucket,
  nowMs: number,
): Reply {
  const { method, query } = request;
  if (method === 'PUT' && query.has('retention')) return putRetention(request, bucket);
  if (method === 'GET' && query.has('retention')) return getRetention(request, bucket);
  if (method === 'POST' && query.has('restore')) return thaw(request, bucket);
  if (method === 'PUT') return put(request, bucket);
  if (method === 'GET' || method === 'HEAD') return read(request, bucket);
  if (method === 'DELETE') return remove(request, bucket, nowMs);
  return refused(405, 'MethodNotAllowed');
}

function put(request: Seen & { readonly body: Buffer }, bucket: Bucket): Reply {
  const { key, body } = request;
  const header = (name: string): string | undefined => textOf(request.headers[name]);
  const wrong = wrongBody(request);
  if (wrong !== undefined) return wrong;
  const current = bucket.get(key);
  const ifMatch = header('if-match');
  if (header('if-none-match') === '*' && current !== undefined) {
    return refused(412, 'PreconditionFailed');
  }
  if (ifMatch !== undefined && current === undefined) return refused(404, 'NoSuchKey');
  if (ifMatch !== undefined && current?.etag !== ifMatch) return refused(412, 'PreconditionFailed');
  const mode = header('x-amz-object-lock-mode');
  // S3 takes another checksum for it too; several that speak its language know none but this.
  if (mode !== undefined && header('content-md5') === undefined) {
    return refused(400, 'MissingUploadObjectWithObjectLockHeaders');
  }
  const until = header('x-amz-object-lock-retain-until-date');
  const version = bucket.put(key, {
    bytes: body,
    sha256: header('x-amz-checksum-sha256'),
    storageClass: header('x-amz-storage-class'),
    mode,
    retainUntil: until === undefined ? undefined : Date.parse(until),
  });
  return { status: 200, headers: { ETag: version.etag, ...versionHeader(version, bucket) } };
}

/** Everything that says what the body should be is compared with what it is. */
function wrongBody({ headers, body }: Seen & { readonly body: Buffer }): Reply | undefined {
  const sha256 = createHash('sha256').update(body).digest();
  const payload = textOf(headers['x-amz-content-sha256']);
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== sha256.toString('hex')) {
    return refused(400, 'XAmzContentSHA256Mismatch');
  }
  const checksum = textOf(headers['x-amz-checksum-sha256']);
  if (checksum !== undefined && checksum !== sha256.toString('base64')) {
    return refused(400, 'BadDigest');
  }
  const md5 = textOf(headers['content-md5']);
  const isMd5 = md5 === undefined || md5 === createHash('md5').update(body).digest('base64');
  return isMd5 ? undefined : refused(400, 'BadDigest');
}

function read(request: Seen, bucket: Bucket): Reply {
  const { key, method, query } = request;
  const version = bucket.get(key, query.get('versionId') ?? undefined);
  if (version?.bytes === undefined) return refused(404, 'NoSuchKey');
  const isHead = method === 'HEAD';
  if (isArchived(version) && version.thaw !== 'done' && !isHead)
    return refused(403, 'InvalidObjectState');
  const { bytes } = version;
  const headers = {
    ETag: version.etag,
    'Accept-Ranges': 'bytes',
    'x-amz-storage-class': version.storageClass,
    ...(version.sha256 !== undefined &&
      request.headers['x-amz-checksum-mode'] !== undefined && {
        'x-amz-checksum-sha256': version.sha256,
      }),
    ...versionHeader(version, bucket),
    ...(version.mode !== undefined && { 'x-amz-object-lock-mode': version.mode }),
  };
  const range = textOf(request.headers['range']);
  if (range === undefined || isHead) return { status: 200, headers, body: bytes };
  const at = rangeOf(range, bytes.byteLength);
  if (at === undefined) return refused(416, 'InvalidRange');
  const [first, last] = at;
  return {
    status: 206,
    headers: { ...headers, 'Content-Range': `bytes ${first}-${last}/${bytes.byteLength}` },
    body: bytes.subarray(first, last + 1),
    whole: bytes,
  };
}

/** First and last byte; undefined if there is nothing there. */
function rangeOf(text: string, bytes: number): readonly [number, number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(text);
  if (match === null) return [0, bytes - 1];
  const [, from = '', to = ''] = match;
  if (from === '') {
    return Number(to) === 0 || bytes === 0
      ? undefined
      : [Math.max(0, bytes - Number(to)), bytes - 1];
  }
  const first = Number(from);
  if (first >= bytes) return undefined;
  return [first, to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1)];
}

function remove({ key, query }: Seen, bucket: Bucket, nowMs: number): Reply {
  const versionId = query.get('versionId') ?? undefined;
  if (!bucket.delete(key, versionId, nowMs)) return refused(403, 'AccessDenied');
  return { status: 204 };
}

function putRetention(request: Seen & { readonly body: Buffer }, bucket: Bucket): Reply {
  const version = bucket.get(request.key, request.query.get('versionId') ?? undefined);
  if (version === undefined) return refused(404, 'NoSuchKey');
  const text = request.body.toString();
  const until = Date.parse(/<RetainUntilDate>([^<]*)</.exec(text)?.[1] ?? '');
  if (!Number.isFinite(until)) return refused(400, 'MalformedXML');
  if (version.retainUntil !== undefined && until < version.retainUntil) {
    return refused(403, 'AccessDenied');
  }
  version.retainUntil = until;
  version.mode = /<Mode>([^<]*)</.exec(text)?.[1];
  return { status: 200 };
}

function getRetention({ key, query }: Seen, bucket: Bucket): Reply {
  const version = bucket.get(key, query.get('versionId') ?? undefined);
  if (version?.retainUntil === undefined) return refused(404, 'NoSuchObjectLockConfiguration');
  const until = new Date(version.retainUntil).toISOString();
  const inner = element('Mode', version.mode ?? '') + element('RetainUntilDate', until);
  return { status: 200, xml: `<Retention>${inner}</Retention>` };
}

function thaw({ key }: Seen, bucket: Bucket): Reply {
  const version = bucket.get(key);
  if (version === undefined) return refused(404, 'NoSuchKey');
  if (!isArchived(version)) return refused(403, 'InvalidObjectState');
  if (version.thaw === 'asked') return refused(409, 'RestoreAlreadyInProgress');
  if (version.thaw === 'done') return { status: 200 };
  version.thaw = 'asked';
  return { status: 202 };
}

function isArchived({ storageClass }: Version): boolean {
  return ['GLACIER', 'DEEP_ARCHIVE'].includes(storageClass);
}

function versionHeader(version: Version, bucket: Bucket): Record<string, string> {
  return bucket.isVersioned ? { 'x-amz-version-id': version.id } : {};
}

function textOf(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
