import { rmSync } from 'node:fs';
import { expect } from 'vitest';
import { treeImage } from '../support/tree-image.ts';
import type { Machine, Outcome } from './machine.ts';

/** Fails, with what was printed, unless the run ended with one of these exit codes. */
export function expectCode({ code, stderr, stdout }: Outcome, codes: readonly number[]): void {
  if (code !== null && codes.includes(code)) return;
  throw new Error(`It ended with ${code}: ${stderr}${stdout}`);
}

/** The newest snapshot of this host, restored, is the same as `source` is now. */
export async function expectLatestIs(machine: Machine, source: string): Promise<void> {
  const target = machine.path('restored');
  expectCode(await machine.run(['restore', 'latest', '--target', target]), [0]);
  expect(treeImage(target + source)).toEqual(treeImage(source));
  rmSync(target, { recursive: true });
}
