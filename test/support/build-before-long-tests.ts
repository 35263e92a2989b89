import { spawnSync } from 'node:child_process';
import { existsSync, globSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setup as buildProgram } from './build-before-tests.ts';
import { modulesDirectory } from './compiled-module.ts';

const root = join(import.meta.dirname, '../..');

/** Beside the program, compiles the sources file by file, if any changed since the last time. */
export async function setup(): Promise<void> {
  // Somebody else has made them, to be tested as they are.
  if (process.env['VERSIONS_TEST_MODULES'] !== undefined) return;
  await buildProgram();
  const stamp = join(modulesDirectory, '.stamp');
  const newest = Math.max(
    ...globSync('{src/**/*.ts,tsconfig*.json}', { cwd: root }).map(
      (file) => statSync(join(root, file)).mtimeMs,
    ),
  );
  if (existsSync(stamp) && statSync(stamp).mtimeMs > newest) return;
  rmSync(modulesDirectory, { recursive: true, force: true });
  const compiler = join(root, 'node_modules/@typescript/native/bin/tsc');
  const args = [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', modulesDirectory];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('The sources have type errors, see: npm run typecheck');
  writeFileSync(stamp, '');
}
