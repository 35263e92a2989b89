/**
 * Run by npm after it installed the dependencies and before it packs: leaves `dist/` ready.
 *
 * npm up to version 10 also runs it before every `npx versions`; what is built is then used as it is,
 * because a command must neither wait for a compiler nor change the program under one that runs.
 */
import { existsSync } from 'node:fs';

const program = new URL('../dist/cli/main.js', import.meta.url);
if (process.env['npm_command'] !== 'exec' || !existsSync(program)) {
  const { buildDist } = await import('./build.ts');
  process.exitCode = (await buildDist()) ? 0 : 1;
}
