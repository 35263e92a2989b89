import { spawnSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { withBuildLock } from '../../scripts/build-lock.ts';
import { setup as buildProgram } from './build-before-tests.ts';
import { modulesDirectory } from './compiled-module.ts';

const root = join(import.meta.dirname, '../..');

/** Beside the program, compiles the sources file by file, if any changed since the last time. */
export async function setup(): Promise<void> {
  // Somebody else has made them, to be tested as they are.
  if (process.env['VERSIONS_TEST_MODULES'] !== undefined) return;
  await buildProgram();
  await withBuildLock(compileModules);
}

async function compileModules(): Promise<void> {
  const stamp = join(modulesDirectory, '.stamp');
  const sources = globSync('{src/**/*.ts,tsconfig*.json}', { cwd: root });
  const newest = Math.max(...sources.map((file) => statSync(join(root, file)).mtimeMs));
  const state = `${sources.length} ${newest}`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return;
  const made = `${modulesDirectory}-${process.pid}`;
  const compiler = join(root, 'node_modules/@typescript/native/bin/tsc');
  const args = [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', made];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    rmSync(made, { recursive: true, force: true });
    throw new Error('The sources have type errors, see: npm run typecheck');
  }
  writeFileSync(join(made, '.stamp'), state);
  // Whoever is at work with the old ones misses them for no longer than this takes.
  const old = `${made}-old`;
  if (existsSync(modulesDirectory)) renameSync(modulesDirectory, old);
  renameSync(made, modulesDirectory);
  rmSync(old, { recursive: true, force: true });
}
