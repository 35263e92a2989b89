import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../src/core/base/index.ts';
import { openStore, probeStore } from '../../../src/core/store/index.ts';
import { makeBucket, serviceCredentials, urlOf } from '../buckets.ts';
import type { ServiceName } from '../service.ts';
import { type Services, startServices } from '../services.ts';

let services: Services;
beforeAll(async () => {
  services = await startServices(['minio-1', 'versitygw']);
});
afterAll(() => services[Symbol.asyncDispose]());

const [, page = ''] = readFileSync('docs/providers.md', 'utf8').split('What the probe found there');

/** The rows of the table in docs/providers.md, `question` to the answers of the servers in order. */
const documented = new Map(
  [...page.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(
    ([, question = '', minio = '', versitygw = '']) => [
      question,
      { 'minio-1': minio.trim(), versitygw: versitygw.trim() },
    ],
  ),
);

async function probe(
  name: ServiceName,
  bucket: string,
  more: string,
): Promise<Map<string, string>> {
  const url = urlOf(services.get(name), bucket, more);
  await using store = await openStore(url, { credentials: serviceCredentials });
  const [clock, random] = [systemClock, systemRandom];
  const answers = await probeStore(store, { clock, random, speedBytes: 2 ** 20 });
  expect(
    answers.filter(({ state, question }) => state === 'bad' && question !== 'storage-class'),
  ).toEqual([]);
  return new Map(answers.map(({ question, answer }) => [question, answer]));
}

it.each(['minio-1', 'versitygw'] as const)(
  '%s answers what docs/providers.md says',
  async (name) => {
    await makeBucket(services.get(name), 'plain');
    const answers = await probe(name, 'plain', '&storage-class=STANDARD_IA');
    expect(documented.size).toBe(13);
    for (const [question, said] of documented) {
      const answer = answers.get(question)?.replace(/: \d+ of \d+ at once (were|was) stored.*/, '');
      // Sometimes only one comes through there, by chance.
      if (name === 'versitygw' && answer === 'atomic') continue;
      expect(`${question}: ${answer}`).toBe(`${question}: ${said[name]}`);
    }
  },
);

it.each(['minio-1', 'versitygw'] as const)('%s locks and keeps versions', async (name) => {
  await makeBucket(services.get(name), 'locked', { lock: true });
  const answers = await probe(name, 'locked', '&lock-days=1');
  expect(answers.get('object-lock')).toBe('enabled');
  expect(answers.get('versions')).toBe('kept');
});
