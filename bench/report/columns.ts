import type { Phase } from '../tools/index.ts';

/** The phases that every tool has, more or less, with their titles. */
export const columns: readonly (readonly [Phase, string])[] = [
  ['first', 'first backup'],
  ['second', 'second backup'],
  ['restore', 'restore'],
  ['verify', 'verify data'],
];
