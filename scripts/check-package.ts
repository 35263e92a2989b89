/**
 * Checks the package as a stranger gets it: packs it, looks at what is inside, installs the tarball
 * globally under a prefix of its own and runs the installed program.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const documents = ['package.json', 'LICENSE', 'README.md', 'CHANGELOG.md'];
const programs = [
  'bin/versions.js',
  'dist/cli/main.js',
  'dist/core/index.js',
  'dist/core/index.d.ts',
];
const required = [...documents, ...programs];
const forbidden = /\.test\.|\.build-stamp|^(?:src|test|bench|scripts|node_modules)\//;

const folder = mkdtempSync(join(tmpdir(), 'versions-package-'));
try {
  const tarball = pack();
  checkContents(tarball);
  run('publint', ['run', tarball, '--strict']);
  run('attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color']);
  checkInstalled(tarball);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function pack(): string {
  run('npm', ['pack', '--silent', '--pack-destination', folder]);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm packed nothing');
  return join(folder, tarball);
}

function checkContents(tarball: string): void {
  const files = run('tar', ['-tzf', tarball])
    .split('\n')
    .map((line) => line.replace(/^package\//, ''));
  const missing = required.filter((file) => !files.includes(file));
  if (missing.length > 0) throw new Error(`The package lacks ${missing.join(', ')}`);
  const needless = files.filter((file) => forbidden.test(file));
  if (needless.length > 0) throw new Error(`The package holds ${needless.join(', ')}`);
}

function checkInstalled(tarball: string): void {
  const prefix = join(folder, 'prefix');
  run('npm', ['install', '--global', '--silent', '--ignore-scripts', '--prefix', prefix, tarball]);
  const program = join(prefix, process.platform === 'win32' ? 'versions.cmd' : 'bin/versions');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const answer = run(program, ['--version']).trim();
  if (!answer.includes(version)) throw new Error(`Installed, --version says ${answer}`);
  run(program, ['--help']);
}

/** Runs a program with this Node first in PATH and returns what it printed; throws if it fails. */
function run(program: string, args: readonly string[]): string {
  const path = [dirname(process.execPath), join(root, 'node_modules', '.bin'), process.env['PATH']];
  const result = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, PATH: path.join(delimiter) },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const command = `${program} ${args.join(' ')}`;
  if (result.status !== 0) {
    const said = `${result.stdout}${result.stderr}`;
    throw new Error(`Failed: ${command}\n${said}`, { cause: result.error });
  }
  process.stdout.write(`ok: ${command}\n`);
  return result.stdout;
}
