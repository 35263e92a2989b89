import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toHex, type RepositoryId } from '../../src/core/base/index.ts';
import { decodeKeyFile, MasterBundle, openBundle } from '../../src/core/crypto/index.ts';
import { decodeKeyObject } from '../../src/core/format/index.ts';
import { Machine, type Outcome } from '../cli/machine.ts';

// Passwords and keys are in no file, no output and no process that has no need of them.

const password = 'Xanadu-Kubla-9173-Khan';
const wrongPassword = 'Porlock-5521-visitor';
const report = [
  "tr '\\0' '\\n' < /proc/$PPID/cmdline",
  "tr '\\0' '\\n' < /proc/self/environ",
  "tr '\\0' '\\n' < /proc/self/cmdline",
].join('; ');

let machine: Machine;
let keyText: string;
const outcomes: Outcome[] = [];

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const loud = { VERSIONS_DEBUG: '1', VERSIONS_LOG_FILE: machine.path('log'), ...env };
  const outcome = await machine.run(args, { env: loud });
  outcomes.push(outcome);
  return outcome;
}

beforeAll(async () => {
  machine = new Machine();
  await machine.write({
    'data/file': 'x'.repeat(50_000),
    password: `${password}\nnotes\n`,
    wrong: `${wrongPassword}\n`,
  });
  const byEnv = { VERSIONS_PASSWORD: password };
  await run(['init', '--mirror', 'a=mirror-a', '--mirror', 'b=mirror-b'], byEnv);
  await run(['backup', 'data', '-vv', '--json'], byEnv);
  const exported = await machine.run(['key', 'export'], { env: byEnv });
  keyText = exported.stdout;
  await machine.write({ 'key-file': keyText });
  await run(['backup', 'data', '-vv', '--key-file', 'key-file']);
  await run(['snapshots', '--json', '--password-file', 'password']);
  await run(['snapshots', '--password-command', 'cat password']);
  await run(['config', 'show', '--json'], byEnv);
  await run(['config', 'show', '--password-file', 'password']);
  await run(['verify', '--level', 'data', '--json', '--key-file', 'key-file']);
  await run(['restore', 'latest', '-t', 'out', '-vv'], byEnv);
  // Refused ones.
  await run(['snapshots', '--json'], { VERSIONS_PASSWORD: wrongPassword });
  await run(['snapshots', '--password-file', 'wrong', '--json']);
  await run(['snapshots', '--key-file', 'password', '--json']);
  await run(['backup', 'nowhere', '--key-file', 'key-file']);
  await run(['snapshots', '--password-command', 'cat password; exit 3'], byEnv);
  // Some twenty processes, on whatever machine.
}, 240_000);
afterAll(() => machine[Symbol.dispose]());

/** Every form in which the secrets could stand somewhere, by what it is. */
async function forms(): Promise<ReadonlyMap<string, Buffer>> {
  const key = decodeKeyFile(keyText);
  const secrets = new Map<string, Uint8Array>([
    ['password', Buffer.from(password)],
    ['wrong password', Buffer.from(wrongPassword)],
    ['key', key],
  ]);
  const keys = machine.path('mirror-a', 'keys');
  const id = toHex(readFileSync(machine.path('mirror-a', 'config')).subarray(16, 32));
  for (const name of readdirSync(keys)) {
    const { header, parameters, aad, sealed } = decodeKeyObject(readFileSync(join(keys, name)));
    if (parameters.kdf !== 'hkdf') continue;
    const place = { suite: header.suite, salt: header.salt, aad };
    const plain = await openBundle(sealed, { kind: 'key', key }, parameters, place);
    const worker = MasterBundle.decode(plain, id as RepositoryId).workerKeys(1);
    secrets.set('id key', worker.idKey);
    secrets.set('chunker secret', worker.chunkerSecret);
    for (const { epoch, data, trees, index: table } of worker.epochs) {
      secrets.set(`data key ${epoch}`, data);
      secrets.set(`tree key ${epoch}`, trees);
      secrets.set(`index key ${epoch}`, table);
    }
  }
  const found = new Map<string, Buffer>();
  for (const [name, secret] of secrets) {
    const bytes = Buffer.from(secret);
    found.set(name, bytes);
    found.set(`${name} in hexadecimal`, Buffer.from(bytes.toString('hex')));
    found.set(`${name} in base 64`, Buffer.from(bytes.toString('base64').slice(0, -4)));
    found.set(`${name} as a list`, Buffer.from([...bytes.subarray(0, 12)].join(',')));
  }
  const line = keyText.split('\n').find((each) => /^[0-9A-Z-]{20,}$/.test(each)) ?? '';
  found.set('text of the key', Buffer.from(line));
  found.set('text of the key without hyphens', Buffer.from(line.replaceAll('-', '')));
  return found;
}

/** Which forms of the secrets are in the bytes. */
async function foundIn(bytes: Uint8Array): Promise<string[]> {
  const buffer = Buffer.from(bytes);
  return [...(await forms())].filter(([, form]) => buffer.includes(form)).map(([name]) => name);
}

describe('a password or key', () => {
  it('is found where it is: the search can find', async () => {
    const known = await forms();
    expect(known.size).toBe(4 * 8 + 2);
    for (const form of known.values()) expect(form.byteLength).toBeGreaterThan(15);
    expect(await foundIn(readFileSync(machine.path('password')))).toEqual(['password']);
    expect(await foundIn(readFileSync(machine.path('key-file')))).toEqual(['text of the key']);
  });

  it('is in nothing that is printed, whatever goes wrong', async () => {
    const codes = outcomes.map(({ code }) => code);
    // They did what they were to do, and what was to fail has failed.
    expect(codes).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 12, 2, expect.any(Number), 12]);
    const printed = outcomes.flatMap(({ stdout, stderr }) => [stdout, stderr]).join('\n');
    expect(printed.length).toBeGreaterThan(5000);
    expect(await foundIn(Buffer.from(printed))).toEqual([]);
  });

  it('is in no file: configuration, log, catalog, cache, mirrors', async () => {
    const theirOwn = new Set(['password', 'wrong', 'key-file'].map((name) => machine.path(name)));
    const files = readdirSync(machine.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => !theirOwn.has(path));
    for (const part of ['log', 'config.toml', 'catalog.db', 'local-state.db', 'mirror-b/config'])
      expect(files.some((path) => path.endsWith(part)) ? '' : part).toBe('');
    const leaks: string[] = [];
    for (const path of files)
      for (const form of await foundIn(readFileSync(path))) leaks.push(`${form} in ${path}`);
    expect(leaks).toEqual([]);
  });

  it('is in no command line, and in the environment of no command that is started', async () => {
    const env = { VERSIONS_PASSWORD: password, KEPT: 'the rest is there' };
    const saved = await run(['backup', '--stdin-name', 'report', '--', 'sh', '-c', report], env);
    expect(saved.code).toBe(0);
    const { stdout } = await run(['cat', 'latest:/report'], env);
    expect(stdout).toContain('KEPT=the rest is there');
    expect(stdout).toContain('--stdin-name');
    expect(await foundIn(Buffer.from(stdout))).toEqual([]);
  });

  it('is not in the environment of the command that gives another', async () => {
    await run(['snapshots', '--password-command', `(${report}) > seen; cat password`], {
      VERSIONS_PASSWORD: wrongPassword,
      KEPT: 'the rest is there',
    });
    const seen = readFileSync(machine.path('seen'));
    expect(seen.toString()).toContain('KEPT=the rest is there');
    expect(await foundIn(seen)).toEqual([]);
  });
});
