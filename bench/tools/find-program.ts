import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Where a program is found, in the order of a search path; undefined if it is not. */
export function findProgram(program: string, searchPath: string): string | undefined {
  const places = isAbsolute(program)
    ? [program]
    : searchPath.split(delimiter).map((directory) => join(directory, program));
  return places.find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
