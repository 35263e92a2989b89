import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { FuzzOrder, FuzzReport } from './fuzz-worker.ts';

// `npm run test:fuzz -- --seconds N` sets these.
const seconds = Number(process.env['VERSIONS_TEST_SECONDS'] ?? 6);
const seed = Number(process.env['VERSIONS_TEST_SEED'] ?? Math.trunc(Math.random() * 1_000_000));
const sharedHead = 12;

/** What the thread found; throws if it stands still or runs out of memory. */
async function fuzz(order: Omit<FuzzOrder, 'shared'>, hangMs = 20_000): Promise<FuzzReport> {
  const shared = new SharedArrayBuffer(sharedHead + 65_536);
  const head = new Int32Array(shared, 0, 3);
  const worker = new Worker(new URL('fuzz-worker.ts', import.meta.url), {
    workerData: { ...order, shared } satisfies FuzzOrder,
    resourceLimits: { maxOldGenerationSizeMb: 128 },
  });
  const where = (): string => {
    const input = Buffer.from(new Uint8Array(shared, sharedHead, Atomics.load(head, 2)));
    return `target ${Atomics.load(head, 1)}, input ${input.toString('hex')}`;
  };
  let seen = -1;
  try {
    return await new Promise<FuzzReport>((resolve, reject) => {
      const watch = setInterval(() => {
        const now = Atomics.load(head, 0);
        if (now === seen) reject(new Error(`Nothing happens any more: ${where()}`));
        seen = now;
      }, hangMs);
      worker.once('message', (report: FuzzReport) => {
        clearInterval(watch);
        resolve(report);
      });
      worker.once('error', (error) => {
        clearInterval(watch);
        reject(new Error(`The thread died: ${where()}`, { cause: error }));
      });
    });
  } finally {
    await worker.terminate();
  }
}

it(
  'every decoder takes or refuses whatever it is given, at once and in little memory',
  async () => {
    console.log(`seed ${seed}`);
    const { counts, findings } = await fuzz({ seconds, seed });
    for (const [name, inputs, accepted, ways] of counts)
      console.log(`${name}: ${inputs} inputs, ${accepted} accepted, ${ways} ways to take them`);
    expect(findings).toEqual([]);
    // A target that meets only one refusal does not get past the first check.
    expect(counts.filter(([, inputs, , ways]) => inputs < 100 || ways < 2)).toEqual([]);
  },
  (seconds + 60) * 1000,
);

describe('a decoder that', () => {
  const inTime = (broken: string, hangMs = 20_000): Promise<FuzzReport> =>
    fuzz({ seconds: 1, seed: 1, broken }, hangMs);

  it.each([
    ['believes a count', /^took \d+ bytes/],
    ['reads on behind the end', /^threw RangeError/],
    ['refuses what is right', /^refuses what is right/],
    ['takes two forms for one', /^is accepted, and written otherwise/],
    ['takes its time', /^took [\d.]+ ms/],
  ])('%s is found', async (broken, what) => {
    const { findings } = await inTime(broken);
    expect(findings[0]?.what).toMatch(what);
  });

  it('never ends is found', async () => {
    await expect(inTime('never ends', 1500)).rejects.toThrow(
      'Nothing happens any more: target 0, input',
    );
  });

  it('fills the memory is found', async () => {
    await expect(inTime('fills the memory')).rejects.toThrow('The thread died: target 0, input');
  });
});
