import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The core, one file for each of its own: tests look into rooms that the program keeps closed. */
export const modulesDirectory: string =
  process.env['VERSIONS_TEST_MODULES'] ??
  join(import.meta.dirname, '../../node_modules/.cache/versions-modules');

/**
 * The address of a source below `src/core`, as it was compiled before the tests, for a process of
 * its own: Node would strip the types of it and all that it imports anew each time, which takes
 * three times as long as the start of the process.
 */
export function compiledModule(source: string): string {
  return pathToFileURL(join(modulesDirectory, 'core', source.replace(/\.ts$/, '.js'))).href;
}
