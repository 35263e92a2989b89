import { buildDist } from '../../scripts/build.ts';

/** Brings `dist/` up to date, because the command line tests run the real program. */
export async function setup(): Promise<void> {
  if (!(await buildDist({ quiet: true }))) {
    process.stderr.write('The sources have type errors, see: npm run typecheck\n');
  }
}
