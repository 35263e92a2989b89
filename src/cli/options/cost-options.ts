import type { OptionDefinition } from './option.ts';

/** Options that say what is paid for. */
export const costOptions: readonly OptionDefinition[] = [
  {
    name: 'price',
    kind: 'list',
    value: 'NAME=PRICE',
    scope: 'none',
    env: false,
    commands: ['cost'],
    help: 'the price of a mirror, by its name in the price table',
    defaultText: 'what its URL tells',
  },
  {
    name: 'prices',
    kind: 'path',
    value: 'FILE',
    env: false,
    scope: 'none',
    commands: ['cost'],
    help: 'a price table of your own',
    defaultText: 'the one that --print-prices shows',
  },
  {
    name: 'print-prices',
    kind: 'flag',
    scope: 'none',
    env: false,
    commands: ['cost'],
    help: 'print the price table and nothing else, to be edited',
  },
  {
    name: 'verify-every',
    kind: 'count',
    value: 'DAYS',
    scope: 'none',
    env: false,
    commands: ['cost'],
    help: 'every copy is read whole once in so many days; 0 for never',
    default: 30,
  },
];
