import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, it } from 'vitest';

interface Entry {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

it('pins every direct dependency to one version', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json'));
  const ranges: string[] = [dependencies, devDependencies, optionalDependencies].flatMap((all) =>
    Object.entries(all).map(([name, range]) => `${name}@${String(range)}`),
  );
  expect(ranges.filter((range) => !/@\d+\.\d+\.\d+$/.test(range))).toEqual([]);
});

it('locks the packages of every platform, without which npm 11 refuses to install', () => {
  const packages: Record<string, Entry> = JSON.parse(read('package-lock.json')).packages;
  const isLocked = (from: string, name: string): boolean =>
    Object.hasOwn(packages, posix.join(from, 'node_modules', name)) ||
    (from !== '' && isLocked(from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))), name));
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isLocked(path, name)),
  );
  expect(missing).toEqual([]);
});

it('says in one line what it needs when the Node that runs it is too old', () => {
  const program = new URL('../bin/versions.js', import.meta.url).pathname;
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '20.1.0' });
    require(${JSON.stringify(program)});`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', pretend], {
    encoding: 'utf8',
  });
  expect({ status, stdout, stderr }).toEqual({
    status: 2,
    stdout: '',
    stderr: 'versions needs Node.js 24 or newer, but this is 20.1.0\n',
  });
});
