/**
 * Verifies and heals places in a process in which nothing that knows keys can be loaded:
 * `node keyless-child.ts LEVEL heal|look PLACE…` prints what `verifyKeyless` gives.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, next) => {
    const resolved = next(specifier, context);
    if (/\/src\/core\/(?:crypto|repository|snapshot|index)\b/.test(resolved.url)) {
      throw new Error(`Nothing may load ${resolved.url}`);
    }
    return resolved;
  },
});

const { verifyKeyless } = await import('../../src/core/heal/index.ts');
const { openStore } = await import('../../src/core/store/index.ts');
const { systemClock } = await import('../../src/core/base/index.ts');
const { CollectingMonitor } = await import('../../src/core/monitor/index.ts');

const [level, what, ...urls] = process.argv.slice(2);
if (level === 'with-keys') await import('../../src/core/crypto/index.ts');
const places = await Promise.all(
  urls.map(async (url) => ({
    name: url,
    store: await openStore(url, { readOnly: what === 'look' }),
  })),
);
const monitor = new CollectingMonitor();
const summary = await verifyKeyless(places, {
  level: level === 'quick' || level === 'data' ? level : 'structure',
  heal: what === 'heal' ? { dryRun: false } : undefined,
  monitor,
  clock: systemClock,
  by: 'test',
});
console.log(JSON.stringify({ ...summary, codes: monitor.problems.map(({ code }) => code) }));
