import type { OptionDefinition } from './option.ts';

/** Options of the commands that add, change and remove mirrors. */
export const mirrorOptions: readonly OptionDefinition[] = [
  {
    name: 'no-sync',
    kind: 'flag',
    scope: 'none',
    env: false,
    commands: ['mirror add'],
    help: 'do not fill the new mirror now',
  },
  {
    name: 'extend-locks',
    kind: 'flag',
    scope: 'none',
    env: false,
    commands: ['mirror sync'],
    help: 'also lock anew, for lock-days from now, what a mirror with lock-days in its URL must keep',
  },
  {
    name: 'lost',
    kind: 'flag',
    scope: 'none',
    env: false,
    commands: ['mirror remove'],
    help: 'the mirror is dead: give it up, and say what is lost with it',
  },
  {
    name: 'name',
    kind: 'text',
    value: 'NEW',
    scope: 'none',
    env: false,
    commands: ['mirror set'],
    help: 'a new name for the mirror',
  },
];
