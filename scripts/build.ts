/**
 * Compiles `src/` to `dist/`, if anything changed since the last time.
 *
 * The output is compiled to one side and moved in file by file, so that a `versions` that is running
 * from `dist/` meanwhile never reads half a file.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const stampFile = join(dist, '.build-stamp');

interface BuildOptions {
  /** Compile even if nothing changed. */
  readonly force?: boolean;
  /** Do not print type errors. */
  readonly quiet?: boolean;
}

/** Compiles and returns whether there were no type errors; `dist/` is brought up to date anyway. */
export function buildDist({ force = false, quiet = false }: BuildOptions = {}): boolean {
  const sources = globSync('src/**/*.ts', { cwd: root }).filter((file) => !isTest(file));
  if (sources.length === 0) return true;
  const stamp = stampOf(sources);
  if (!force && isCurrent(stamp)) return true;
  const staging = join(root, 'node_modules', '.cache', `versions-build-${process.pid}`);
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  try {
    const tsc = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
    const run = spawnSync(
      process.execPath,
      [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', staging],
      { cwd: root, stdio: ['ignore', quiet ? 'ignore' : 2, 2] },
    );
    if (run.error !== undefined) throw run.error;
    if (globSync('**/*.js', { cwd: staging }).length === 0) throw new Error('The compiler failed');
    for (const file of globSync('**/*.js', { cwd: staging })) nameBuiltWorkers(join(staging, file));
    moveIn(staging);
    // A build with type errors is not stamped: the next one says them again.
    if (run.status === 0) writeFileSync(stampFile, stamp);
    return run.status === 0;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function stampOf(sources: readonly string[]): string {
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  const hash = createHash('sha256');
  for (const file of [...settings, 'scripts/build.ts', ...sources.toSorted()]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

function isCurrent(stamp: string): boolean {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts');
}

/** The compiler renames what is imported, but not the entry of a worker thread in a `new URL`. */
function nameBuiltWorkers(file: string): void {
  const text = readFileSync(file, 'utf8');
  const renamed = text.replace(
    /(\bnew URL\(\s*['"]\.[^'"\n]*\.)ts(['"]\s*,\s*import\.meta\.url)/g,
    '$1js$2',
  );
  if (renamed !== text) writeFileSync(file, renamed);
}

function moveIn(staging: string): void {
  const built = new Set(globSync('**/*.{js,d.ts}', { cwd: staging }));
  for (const file of built) {
    mkdirSync(dirname(join(dist, file)), { recursive: true });
    renameSync(join(staging, file), join(dist, file));
  }
  for (const file of globSync('**/*.{js,d.ts}', { cwd: dist })) {
    if (!built.has(file)) rmSync(join(dist, file));
  }
}

if (import.meta.main) process.exitCode = buildDist({ force: true }) ? 0 : 1;
