/**
 * Compiles `src/` to `dist/`, if anything changed since the last time: checked and stripped of its
 * types by the compiler, then put together in few files, because loading a hundred modules in each
 * of three threads took half a second of processor time. Dependencies stay outside.
 *
 * The output is made to one side and moved in file by file, so that a `versions` that is running
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
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { withBuildLock } from './build-lock.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const stampFile = join(dist, '.build-stamp');
/** What is started or imported from outside. */
const entries = [
  'cli/main',
  'core/index',
  'core/verify/hash-worker',
  'core/workers/worker-main',
] as const;
/** What threads run is named by what starts them, as a neighbour of the file that it is in. */
const threadEntry = /\/(?:hash-worker|worker-main)$/;

interface BuildOptions {
  /** Compile even if nothing changed. */
  readonly force?: boolean;
  /** Do not print type errors. */
  readonly quiet?: boolean;
}

/** Compiles and returns whether there were no type errors; `dist/` is brought up to date anyway. */
export async function buildDist(options: BuildOptions = {}): Promise<boolean> {
  return withBuildLock(() => build(options));
}

async function build({ force = false, quiet = false }: BuildOptions): Promise<boolean> {
  const sources = globSync('src/**/*.ts', { cwd: root }).filter((file) => !isTest(file));
  if (sources.length === 0) return true;
  const stamp = stampOf(sources);
  if (!force && isCurrent(stamp)) return true;
  const staging = join(root, 'node_modules', '.cache', `versions-build-${process.pid}`);
  rmSync(staging, { recursive: true, force: true });
  const compiled = join(staging, 'compiled');
  const bundled = join(staging, 'bundled');
  mkdirSync(compiled, { recursive: true });
  try {
    const tsc = join(root, 'node_modules', '@typescript', 'native', 'bin', 'tsc');
    const run = spawnSync(
      process.execPath,
      [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', compiled],
      { cwd: root, stdio: ['ignore', quiet ? 'ignore' : 2, 2] },
    );
    if (run.error !== undefined) throw run.error;
    if (globSync('**/*.js', { cwd: compiled }).length === 0) throw new Error('The compiler failed');
    await bundle(compiled, bundled);
    moveIn([compiled, '**/*.d.ts'], [bundled, '**/*.js']);
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

/** What only some commands need stays in files of their own, which are loaded when it is used. */
async function bundle(compiled: string, bundled: string): Promise<void> {
  const bundler = await rolldown({
    cwd: compiled,
    input: Object.fromEntries(entries.map((entry) => [entry, `./${entry}.js`])),
    platform: 'node',
    external: /^[^./]/,
    treeshake: { moduleSideEffects: false },
  });
  await bundler.write({
    dir: bundled,
    format: 'esm',
    entryFileNames: ({ name }) =>
      threadEntry.test(name) ? `chunks/${basename(name)}.js` : '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  });
  await bundler.close();
}

/** Moves files from where they were made, by folder and pattern; what `dist/` had else goes. */
function moveIn(...made: readonly (readonly [folder: string, pattern: string])[]): void {
  const built = new Set<string>();
  for (const [folder, pattern] of made) {
    for (const file of globSync(pattern, { cwd: folder })) {
      built.add(file);
      mkdirSync(dirname(join(dist, file)), { recursive: true });
      renameSync(join(folder, file), join(dist, file));
    }
  }
  for (const file of globSync('**/*.{js,d.ts}', { cwd: dist })) {
    if (!built.has(file)) rmSync(join(dist, file));
  }
}

if (import.meta.main) process.exitCode = (await buildDist({ force: true })) ? 0 : 1;
