import { expect, it } from 'vitest';
import { runKillLoop } from '../support/kill-loop.ts';

const { VERSIONS_TEST_KILLS, VERSIONS_TEST_SEED, VERSIONS_TEST_SOURCE } = process.env;
const kills = Number(VERSIONS_TEST_KILLS ?? 40);
const seed = VERSIONS_TEST_SEED ?? String(Date.now());
const perKillMs = 30_000;

it(
  `the program killed ${kills} times at random loses nothing`,
  async () => {
    process.stdout.write(`seed ${seed}\n`);
    const result = await runKillLoop({
      seed,
      kills,
      killsPerRepository: Math.min(100, Math.max(10, Math.floor(kills / 2))),
      sourceFrom: VERSIONS_TEST_SOURCE,
      log: (line) => process.stdout.write(`${line}\n`),
    });
    process.stdout.write(`${JSON.stringify(result)}\n`);
    expect(result.failures).toEqual([]);
    expect(result.killed).toBe(kills);
  },
  kills * perKillMs,
);
