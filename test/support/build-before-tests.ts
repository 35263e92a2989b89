import { buildDist } from '../../scripts/build.ts';

/** Brings `dist/` up to date, because the command line tests run the real program. */
export function setup(): void {
  buildDist();
}
