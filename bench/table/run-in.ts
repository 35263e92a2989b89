import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../measure/command.ts';
import { measure, type Measured } from '../measure/measure.ts';
import type { SectionContext } from './section.ts';

/** Measures a command whose home and logs are in a directory, by default the section's own. */
export function runIn(
  context: SectionContext,
  step: Command,
  home: string = context.scratch,
): Promise<Measured> {
  const { searchPath, signal } = context;
  const logs = join(home, 'logs');
  mkdirSync(logs, { recursive: true });
  return measure(step, { logs, env: { PATH: searchPath, HOME: home, LC_ALL: 'C.UTF-8' }, signal });
}
