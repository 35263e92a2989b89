import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A file of the repository: its path from the root, with slashes, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const skippedFolders = new Set(['.git', 'node_modules', 'dist', 'coverage', 'fixtures']);

/** Paths of all files of the project below a folder, without what is built, installed or a fixture. */
export function listFiles(folder = ''): string[] {
  const paths: string[] = [];
  for (const entry of readEntries(folder)) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isFile()) paths.push(path);
    else if (entry.isDirectory() && !skippedFolders.has(entry.name)) paths.push(...listFiles(path));
  }
  return paths.sort();
}

/** The same files with their texts; files that are not text are left out. */
export function readFiles(paths: readonly string[]): SourceFile[] {
  return paths
    .map((path) => ({ path, text: readFileSync(`${root}/${path}`, 'utf8') }))
    .filter(({ text }) => !text.includes('\0'));
}

/** Whether a file is a test or helps tests, not part of the program. */
export function isTestFile(path: string): boolean {
  return path.startsWith('test/') || path.endsWith('.test.ts');
}

/** The text with every comment turned into blanks; lines keep their numbers. */
export function withoutComments(text: string): string {
  return text.replace(stringsAndComments, (found) =>
    found.startsWith('/') ? blank(found) : found,
  );
}

/** The text with comments and plain strings turned into blanks, so that only code is left. */
export function codeOnly(text: string): string {
  return text.replace(stringsAndComments, (found) =>
    found.startsWith('`') ? found : blank(found),
  );
}

const stringsAndComments =
  /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}

function readEntries(folder: string) {
  try {
    return readdirSync(`${root}/${folder}`, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
