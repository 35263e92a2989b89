import { readdirSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { expect, it } from 'vitest';
import { fuzzTargets } from './targets.ts';

const room = new URL('../../src/core/format/', import.meta.url);

/** What makes bytes, or is asked about values that were decoded already. */
const notDecoders = [
  /^(?:encode|write|join)/,
  /(?:Aad|Value)$/,
  // Errors; sizes, hashes and names of what is about to be written, or of what the journal names.
  /^(?:damaged|tooNew|packEndBytes|pieceTableOffsetOf|listPageEndsAfter|withOwnHash|packNameOf|quarantineKey)$/,
  /^(?:isLeafPage|partsOfCheckpoint)$/,
];

/** The functions that every module of the room exports. */
async function exportedFunctions(): Promise<string[]> {
  const modules = readdirSync(room).filter((name) => /^[a-z-]+\.ts$/.test(name));
  const names: string[] = [];
  for (const module of modules) {
    const exported = (await import(new URL(module, room).href)) as Record<string, unknown>;
    for (const [name, value] of Object.entries(exported)) {
      const isClass = /^[A-Z]/.test(name);
      if (typeof value === 'function' && !isClass) names.push(name);
    }
  }
  return [...new Set(names)];
}

/** The functions of the room that run while `use` does. */
async function functionsRun(use: () => void): Promise<ReadonlySet<string>> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    use();
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const modules = result.filter(({ url }) => url.includes('/src/core/format/'));
    const functions = modules.flatMap((module) => module.functions);
    const run = functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0);
    return new Set(run.map(({ functionName }) => functionName));
  } finally {
    session.disconnect();
  }
}

it('every function of the room that takes stored bytes is fuzzed', async () => {
  const exported = await exportedFunctions();
  expect(exported).toContain('decodeEntry');
  const run = await functionsRun(() => {
    for (const { seeds, decode } of fuzzTargets) for (const seed of seeds) decode(seed);
  });
  const missing = exported.filter(
    (name) => !run.has(name) && !notDecoders.some((pattern) => pattern.test(name)),
  );
  expect(missing, 'give each of these a target in test/fuzz/targets.ts').toEqual([]);
});

it('a decoder without a target would be missed', async () => {
  const without = fuzzTargets.filter(({ name }) => name !== 'key object');
  const run = await functionsRun(() => {
    for (const { seeds, decode } of without) for (const seed of seeds) decode(seed);
  });
  expect(run.has('decodeKeyObject')).toBe(false);
});
