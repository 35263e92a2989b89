import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOf, failureOf } from '../../../test/contract/object-store.ts';
import { S3Double } from '../../../test/support/s3-double/s3-double.ts';
import { S3Store } from './s3-store.ts';

/** A server that refuses closes the connection, and its answer is lost with it. */
let double: S3Double;
let store: S3Store;
const body = bytesOf(7, 3 * 2 ** 20);
beforeEach(async () => {
  double = await S3Double.start();
  double.bucket();
  const load = async () => double.account;
  store = S3Store.open(double.url(), { credentials: { kind: 'keys', load } });
  await store.put('before', [body]);
  double.requests.length = 0;
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await double[Symbol.asyncDispose]();
});

const methods = (): readonly string[] => double.requests.map(({ method }) => method);

describe('an object that is refused while it is being sent', () => {
  it.each([
    ['NoSuchBucket', 404, 'Unavailable STORE_ABSENT'],
    ['InvalidAccessKeyId', 403, 'Denied STORE_CREDENTIALS_REFUSED'],
    ['SignatureDoesNotMatch', 403, 'Denied STORE_CREDENTIALS_REFUSED'],
    ['ExpiredToken', 400, 'Unavailable STORE_CREDENTIALS_EXPIRED'],
  ])('%s is told at once: the same is asked in small', async (code, status, expected) => {
    double.on('any', /(?:)/, { status, code, refusesEarly: true }).always();
    expect(await failureOf(store.put('a', [body]))).toBe(expected);
    expect(methods()).toEqual(['PUT', 'GET']);
  });

  it('AccessDenied, which may be about writing alone, is heard by the next attempt', async () => {
    const fault = { status: 403, code: 'AccessDenied', refusesEarly: true };
    double.on('PUT', /(?:)/, fault).always();
    expect(await failureOf(store.put('a', [body]))).toMatch(/^Unavailable/);
    expect(await failureOf(store.put('a', [body]))).toBe('Denied STORE_DENIED');
    expect(methods()).toEqual(['PUT', 'GET', 'PUT']);
    double.heal();
    await store.put('a', [body]);
    await store.put('b', [body]);
    expect(double.requests.slice(-2).map(({ headers }) => headers['expect'])).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('a right to read that is missing says nothing about writing', async () => {
    double.on('GET', /(?:)/, { status: 403, code: 'AccessDenied' }).always();
    double.on('PUT', /(?:)/, { resetAfterBytes: 1 });
    expect(await failureOf(store.put('a', [body]))).toMatch(/^Unavailable/);
    await store.put('a', [body]);
    expect(double.bucket().get('a')).toBeDefined();
  });
});
