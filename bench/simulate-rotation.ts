/**
 * Lets the planner of scheduled verification run for months against a ledger of millions of packs:
 * `node bench/simulate-rotation.ts --packs 10000000`. Prints one line of JSON.
 */
import { parseArgs } from 'node:util';
import { simulateRotation } from './rotation/simulate-rotation.ts';

const { values } = parseArgs({
  options: {
    packs: { type: 'string', default: '10000000' },
    'pack-mib': { type: 'string', default: '64' },
    mirrors: { type: 'string', default: '3' },
    days: { type: 'string', default: '75' },
    'max-age-days': { type: 'string', default: '30' },
    'budget-share': { type: 'string', default: '1.3' },
    'unverifiable-one-in': { type: 'string', default: '100' },
  },
});

const result = await simulateRotation({
  packs: Number(values.packs),
  packBytes: Number(values['pack-mib']) * 1024 ** 2,
  mirrors: Number(values.mirrors),
  days: Number(values.days),
  maxAgeDays: Number(values['max-age-days']),
  budgetShare: Number(values['budget-share']),
  unverifiableOneIn: Number(values['unverifiable-one-in']),
});
console.log(
  JSON.stringify({ ...values, ...result, peakRssBytes: process.resourceUsage().maxRSS * 1024 }),
);
