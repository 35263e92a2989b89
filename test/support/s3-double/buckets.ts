import type { Bucket, Version } from './bucket.ts';
import type { Seen } from './faults.ts';
import { element, type Reply, refused } from './reply.ts';

const keysMax = 1000;

/** Requests for a bucket that exists, as S3 answers them. */
export function answerBucket({ method, query }: Seen, bucket: Bucket): Reply {
  if (method === 'HEAD') return { status: 200 };
  if (method !== 'GET') return refused(405, 'MethodNotAllowed');
  if (query.has('versioning')) {
    const status = bucket.isVersioned ? element('Status', 'Enabled') : '';
    return { status: 200, xml: `<VersioningConfiguration>${status}</VersioningConfiguration>` };
  }
  if (query.has('object-lock')) {
    if (!bucket.isVersioned) return refused(404, 'ObjectLockConfigurationNotFoundError');
    const enabled = element('ObjectLockEnabled', 'Enabled');
    return { status: 200, xml: `<ObjectLockConfiguration>${enabled}</ObjectLockConfiguration>` };
  }
  if (query.has('versions')) return listVersions(query, bucket);
  return list(query, bucket);
}

function list(query: URLSearchParams, bucket: Bucket): Reply {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const max = Math.min(keysMax, Number(query.get('max-keys') ?? keysMax));
  const behind = Buffer.from(after);
  const found = bucket
    .list()
    .filter(([key]) => key.startsWith(prefix))
    .filter(([key]) => after === '' || Buffer.compare(Buffer.from(key), behind) > 0);
  const page = found.slice(0, max);
  const isTruncated = found.length > page.length;
  const next = page.at(-1)?.[0];
  return {
    status: 200,
    xml: [
      '<ListBucketResult>',
      element('Prefix', prefix),
      element('KeyCount', String(page.length)),
      element('IsTruncated', String(isTruncated)),
      isTruncated && next !== undefined ? element('NextContinuationToken', next) : '',
      ...page.map(([key, version]) => `<Contents>${contents(key, version)}</Contents>`),
      '</ListBucketResult>',
    ].join(''),
  };
}

function listVersions(query: URLSearchParams, bucket: Bucket): Reply {
  const prefix = query.get('prefix') ?? '';
  const entries = bucket
    .versions()
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, version, isLatest]) => {
      const name = version.bytes === undefined ? 'DeleteMarker' : 'Version';
      const more = element('VersionId', version.id) + element('IsLatest', String(isLatest));
      return `<${name}>${contents(key, version)}${more}</${name}>`;
    });
  const truncated = element('IsTruncated', 'false');
  return {
    status: 200,
    xml: `<ListVersionsResult>${truncated}${entries.join('')}</ListVersionsResult>`,
  };
}

function contents(key: string, version: Version): string {
  return [
    element('Key', key),
    element('ETag', version.etag),
    element('Size', String(version.bytes?.byteLength ?? 0)),
    element('StorageClass', version.storageClass),
  ].join('');
}
