import { describe, expect, it } from 'vitest';
import { isVersionsError } from '../errors/index.ts';
import { parseS3Url } from './s3-url.ts';

describe('parseS3Url', () => {
  it('reads a bucket of AWS', () => {
    expect(parseS3Url('s3://photos')).toEqual({
      bucket: 'photos',
      prefix: '',
      region: undefined,
      endpoint: undefined,
      pathStyle: false,
      storageClass: undefined,
      lock: undefined,
      location: 's3://photos',
    });
    expect(parseS3Url('s3://photos/?region=eu-central-1').region).toBe('eu-central-1');
    expect(parseS3Url('s3://my.photos/x').pathStyle).toBe(true);
  });

  it('reads everything that can be said', () => {
    const url =
      's3://Bucket_1/a%20b/c/?endpoint=https%3A%2F%2Fs3.example.com:9000/&region=auto&path-style=false&storage-class=glacier_ir&lock-days=30&lock-mode=compliance';
    expect(parseS3Url(url)).toEqual({
      bucket: 'Bucket_1',
      prefix: 'a b/c/',
      region: 'auto',
      endpoint: 'https://s3.example.com:9000',
      pathStyle: false,
      storageClass: 'GLACIER_IR',
      lock: { mode: 'COMPLIANCE', days: 30 },
      location: 's3://Bucket_1/a b/c at https://s3.example.com:9000',
    });
  });

  it('has defaults for servers that are not AWS', () => {
    const place = parseS3Url('S3://bucket?endpoint=http://127.0.0.1:9000&lock-days=1');
    expect(place).toMatchObject({ region: 'us-east-1', pathStyle: true });
    expect(place.lock).toEqual({ mode: 'GOVERNANCE', days: 1 });
  });

  it.each([
    's3://',
    's3:///prefix',
    's3://ab',
    's3://bucket:9000/x',
    's3://-bucket',
    's3://id:hidden@bucket',
    's3://hidden@bucket',
    's3://bucket/a//b',
    's3://bucket//',
    's3://bucket/..%2fa',
    's3://bucket/%zz',
    's3://bucket/%0a',
    `s3://bucket/${'x'.repeat(600)}`,
    's3://bucket#hidden',
    's3://bucket?regoin=hidden',
    's3://bucket?region=a&region=b',
    's3://bucket?region=',
    's3://bucket?region=eu%20west',
    's3://bucket?endpoint=hidden.example.com',
    's3://bucket?endpoint=ftp://example.com',
    's3://bucket?endpoint=https://id:hidden@example.com',
    's3://bucket?endpoint=https://example.com/path',
    's3://bucket?path-style=yes',
    's3://bucket?storage-class=a%20b',
    's3://bucket?storage-class=glacier',
    's3://bucket?storage-class=DEEP_ARCHIVE',
    's3://bucket?lock-days=0',
    's3://bucket?lock-days=1.5',
    's3://bucket?lock-days=99999',
    's3://bucket?lock-mode=governance',
    's3://bucket?lock-days=1&lock-mode=none',
  ])('refuses %s and does not repeat it', (url) => {
    let error: unknown;
    try {
      parseS3Url(url);
    } catch (reason) {
      error = reason;
    }
    expect(isVersionsError(error, 'Usage') && error.code).toBe('STORE_URL_INVALID');
    expect(JSON.stringify(error) + String(error)).not.toContain('hidden');
  });
});
