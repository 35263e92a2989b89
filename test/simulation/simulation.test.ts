import { expect, it } from 'vitest';
import { Simulation } from './simulation.ts';

const { VERSIONS_TEST_STEPS, VERSIONS_TEST_SEED, VERSIONS_TEST_ONLY } = process.env;
const steps = Number(VERSIONS_TEST_STEPS ?? 1500);
const seed = VERSIONS_TEST_SEED ?? String(Date.now());
/** Unless somebody asks for a number of steps, a slow machine does fewer. */
const secondsMax = VERSIONS_TEST_STEPS === undefined ? 300 : Number.POSITIVE_INFINITY;
/** Names of what may happen, with commas between them. */
const only = VERSIONS_TEST_ONLY === undefined ? undefined : new Set(VERSIONS_TEST_ONLY.split(','));
/** A new world after so many. */
const stepsPerWorld = 50;

it(
  `nothing that was promised is lost in ${steps} steps`,
  async () => {
    process.stdout.write(`seed ${seed}\n`);
    const counts = new Map<string, number>();
    let snapshots = 0;
    const began = performance.now();
    let done = 0;
    for (; done < steps; done += stepsPerWorld) {
      if (performance.now() - began > secondsMax * 1000) break;
      const worldSeed = `${seed}/${done / stepsPerWorld}`;
      using simulation = await Simulation.begin(worldSeed, only);
      try {
        for (let step = 0; step < Math.min(stepsPerWorld, steps - done); step++) {
          await simulation.step();
        }
        await simulation.end();
      } catch (error) {
        const history = simulation.history.slice(-40).join('\n');
        const step = done + simulation.steps;
        throw new Error(`Step ${step} of ${worldSeed}: ${String(error)}\n${history}`, {
          cause: error,
        });
      }
      for (const [name, count] of simulation.counts) {
        counts.set(name, (counts.get(name) ?? 0) + count);
      }
      snapshots += simulation.snapshotsPromised;
    }
    process.stdout.write(
      `${JSON.stringify({ steps: done, snapshots, ...Object.fromEntries(counts) })}\n`,
    );
    expect(snapshots).toBeGreaterThan(Math.min(steps, done) / 20);
  },
  steps * 5000,
);
