import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { renderCommandHelp, renderOverview } from '../../src/cli/help/render-help.ts';
import { main } from '../../src/cli/main.ts';
import { commandNamed, commandTable } from '../../src/cli/options/command-table.ts';
import { exitErrorIn, Machine, outcomeOf } from './machine.ts';

const machine = new Machine();
afterAll(() => machine[Symbol.dispose]());

describe('help', () => {
  it.each([['--help'], ['-h'], ['help']])('%s shows all commands', async (...args) => {
    const { code, stdout, stderr } = await machine.run(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(renderOverview());
  });

  const ways: readonly ((name: string) => string[])[] = [
    (name) => [...name.split(' '), '--help'],
    (name) => ['help', ...name.split(' ')],
    (name) => ['-h', ...name.split(' ')],
  ];
  const helpOf = (name: string): object => {
    const command = commandNamed(name);
    const stdout = command === undefined ? '' : renderCommandHelp(command);
    return { code: 0, stdout, stderr: '' };
  };

  it.each(commandTable.map(({ name }) => name))('of %s is the same in every way', async (name) => {
    // Three processes for each command would take longer than all other tests of this file.
    for (const way of ways) expect(await runHere(way(name))).toEqual(helpOf(name));
  });

  it.each(['backup', 'mirror add'])('of %s is what the program prints', async (name) => {
    for (const way of ways) expect(await machine.run(way(name))).toMatchObject(helpOf(name));
  });

  it('of an alias is that of its command, and of half a name that of all', async () => {
    expect((await machine.run(['help', 'scrub'])).stdout).toContain('versions verify');
    const { stdout } = await machine.run(['help', 'config']);
    expect(stdout).toContain('versions config show');
    expect(stdout).toContain('versions config path');
  });

  it('is a document with --json', async () => {
    const { documents } = await machine.run(['help', 'ls', '--json']);
    expect(documents.map(({ type }) => type)).toEqual(['help', 'summary']);
    expect(documents[1]).toEqual({ type: 'summary', command: 'help', exitCode: 0 });
  });

  it('needs nothing of the core', () => {
    const entry = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const seen = new Set<string>();
    const modules: string[] = [];
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      const text = readFileSync(path, 'utf8');
      // The bundler names what it put into a file.
      modules.push(...[...text.matchAll(/^\/\/ (\S+\.js)$/gm)].map(([, module]) => module ?? ''));
      for (const match of text.matchAll(/^(?:import|export)[^;]*?from ?["'](\.[^"']+)["']/gm)) {
        visit(fileURLToPath(new URL(match[1] ?? '', `file://${path}`)));
      }
    };
    visit(entry);
    expect(modules.filter((module) => module.startsWith('core/'))).toEqual([]);
    expect(modules).toContain('cli/main.js');
    expect(modules.length).toBeGreaterThan(5);
  });
});

describe('the version', () => {
  it.each([[['version']], [['--version']], [['backup', '--version']]])('%j', async (args) => {
    const { code, stdout } = await machine.run(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^versions \d+\.\d+\.\d+\S* \(format 1, Node\.js \d+/);
  });
});

describe('a mistake on the command line ends with 2, a sentence and a hint', () => {
  it.each([
    [['bakup'], /^error: Unknown command 'bakup'\nhint: did you mean backup\?\n$/],
    [
      ['backup', '--exclud', 'x'],
      /^error: Unknown option '--exclud'\nhint: did you mean --exclude\?\n$/,
    ],
    [['ls'], /^error: versions ls needs SNAP\[:PATH\]\nhint: versions help ls shows examples\n$/],
    [['snapshots', 'x'], /^error: versions snapshots takes no operand, so "x" is too much\nhint: /],
    [
      ['forget'],
      /^error: versions forget is not yet in this version\nhint: every snapshot is kept/,
    ],
    [['help', 'prune'], /^error: versions prune is not yet in this version\nhint: /],
    [['help', 'x'], /^error: There is no command "x"\nhint: /],
    [
      ['completion', 'tcsh'],
      /^error: There is no completion for "tcsh"\nhint: there is: bash, zsh, fish\n$/,
    ],
    [
      ['mirror'],
      /^error: versions mirror needs a second word\nhint: there is: versions mirror list, /,
    ],
    [['key'], /^error: versions key needs a second word\nhint: there is: versions key export\n$/],
    [
      ['restore', 'latest', '--overwrite', 'x', '-t', 'y'],
      /^error: --overwrite must be one of .*\n/,
    ],
    [
      ['backup', 'x', '--exclude-larger-than', 'big'],
      /^error: --exclude-larger-than must be a size/,
    ],
    [['init', '../x'], /^error: "\.\.\/x" is not a name/],
    [['init', '--mirror', 'nas'], /^error: --mirror must be NAME=URL, not "nas"\nhint: /],
    [['init', '--mirror', 'a=/x', '--mirror', 'a=/y'], /^error: Two mirrors are named a\nhint: /],
    [
      ['init', '--mirror', 'a=/x', '--mirror', 'b=/x/y'],
      /^error: The mirrors a and b lie in one another/,
    ],
    [
      ['init', '--mirror', 'a=/x', '--mirrors-min', '2'],
      /^error: --mirrors-min 2 is more than the 1/,
    ],
    [['init', '--chunk-size', '100000'], /^error: --chunk-size must be a power of two/],
    [['init', '--chunk-size', '5000'], /^error: --chunk-size must be a size .* at least 65536/],
    [['init', '-r', 'x'], /^error: versions init takes the name as an operand/],
    [['connect'], /^error: No mirror was given for default\nhint: .* --mirror NAME=URL\n$/],
    [['backup'], /^error: No PATH was given to save\nhint: /],
    [
      ['backup', '--files-from', 'missing'],
      /^error: The file .*missing of --files-from cannot be read/,
    ],
    [['backup', 'x', '--exclude-file', 'missing'], /^error: The file .*missing of --exclude-file/],
    [['backup', 'x', '--time', 'noon'], /^error: --time must be a time/],
    [['backup', 'x', 'y', '--as', '/z'], /^error: --as needs exactly one PATH/],
    [['backup', 'x', '--stdin-name', 'y'], /^error: --stdin-name saves one file/],
    [['backup', '--stdin-name', 'a/b'], /^error: --stdin-name must be a name without a slash/],
  ])('%j', async (args, stderr) => {
    const outcome = await machine.run(args);
    expect(outcome.stderr).toMatch(stderr);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
  });

  it('makes nothing', async () => {
    const { summary } = await machine.run(['config', 'path', '--json']);
    expect(summary).toMatchObject({ command: 'config path', exists: false, exitCode: 0 });
  });

  it('is a document on both streams with --json', async () => {
    const outcome = await machine.run(['backup', '--exclud', 'x', '--json']);
    expect(outcome.code).toBe(2);
    expect(outcome.documents).toEqual([{ type: 'summary', command: 'backup', exitCode: 2 }]);
    expect(exitErrorIn(outcome)).toEqual({
      type: 'exit_error',
      code: 'USAGE',
      kind: 'Usage',
      message: "Unknown option '--exclud'",
      hint: 'did you mean --exclude?',
    });
  });

  it('keeps standard output clean where that would be a file', async () => {
    const outcome = await machine.run(['cat', '--json']);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('{"type":"summary","command":"cat","exitCode":2}\n');
  });

  it('shows a stack only under VERSIONS_DEBUG', async () => {
    expect((await machine.run(['bakup'])).stderr).not.toContain('    at ');
    const debug = await machine.run(['bakup'], { env: { VERSIONS_DEBUG: '1' } });
    expect(debug.stderr).toContain('    at ');
  });
});

describe('without any configuration', () => {
  it('versions shows the first three steps', async () => {
    const { code, stdout } = await machine.run([]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /1\. versions backup DIR[\s\S]*2\. versions snapshots[\s\S]*3\. versions restore/,
    );
  });

  it.each([
    [['snapshots']],
    [['ls', 'latest']],
    [['verify']],
    [['stats']],
    [['key', 'export']],
    [['backup', '-n', '.']],
  ])('%j ends with 10', async (args) => {
    const outcome = await machine.run(args);
    expect(outcome.stderr).toMatch(
      /^error: No repository is configured in .*\nhint: .*versions init/,
    );
    expect(outcome.code).toBe(10);
  });

  it('names the repository that is missing', async () => {
    const outcome = await machine.run(['snapshots', '-r', 'photos']);
    expect(outcome.stderr).toMatch(/^error: No repository named photos is configured/);
    expect(outcome.code).toBe(10);
  });
});

describe('standard output', () => {
  it.runIf(process.platform === 'linux')('that is full ends with 1', async () => {
    const child = spawn('sh', ['-c', 'exec "$0" "$@" > /dev/full', process.execPath, bin, 'help']);
    const outcome = await outcomeOf(child);
    expect(outcome.stderr).toMatch(/^error: Standard output could not be written: .*ENOSPC/);
    expect(outcome.code).toBe(1);
  });

  it('whose reader goes away ends quietly', async () => {
    const child = machine.start(['help', 'backup']);
    child.stdout?.destroy();
    const errors: string[] = [];
    child.stderr?.on('data', (part: Buffer) => errors.push(part.toString()));
    const [code] = await once(child, 'close');
    expect({ code, errors }).toEqual({ code: 0, errors: [] });
  });
});

/** The command line in this process, without its own streams. */
async function runHere(args: readonly string[]): Promise<object> {
  const texts = { stdout: '', stderr: '' };
  const into = (name: keyof typeof texts): Writable =>
    new Writable({
      write(part: Buffer, _encoding, done) {
        texts[name] += part.toString();
        done();
      },
    });
  const code = await main(args, {
    stdin: Readable.from([]),
    stdout: into('stdout'),
    stderr: into('stderr'),
    env: {},
    directory: machine.root,
    home: machine.home,
    now: () => 0,
  });
  return { code, ...texts };
}

const bin = fileURLToPath(new URL('../../bin/versions.js', import.meta.url));

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('of %s names every command and flag', async (shell) => {
    const { code, stdout } = await machine.run(['completion', shell]);
    expect(code).toBe(0);
    for (const { name } of commandTable) expect(stdout).toContain(name.split(' ')[0]);
    for (const flag of ['exclude-caches', 'mirrors-min', 'level']) expect(stdout).toContain(flag);
  });

  it.skipIf(!hasShell('bash'))('works in bash', async () => {
    const { stdout } = await machine.run(['completion', 'bash']);
    expect(completeInBash(stdout, ['versions', 'sna'])).toEqual(['snapshots']);
    expect(completeInBash(stdout, ['versions', '-q', 'key', ''])).toEqual(['export']);
    expect(completeInBash(stdout, ['versions', 'restore', '--over'])).toEqual(['--overwrite']);
    expect(completeInBash(stdout, ['versions', 'restore', 'x', '--overwrite', 'if-'])).toEqual([
      'if-changed',
      'if-newer',
    ]);
    expect(completeInBash(stdout, ['versions', 'backup', '--exclude', ''])).toEqual([]);
    expect(completeInBash(stdout, ['versions', '-r', 'home', 'rest'])).toEqual(['restore']);
    expect(completeInBash(stdout, ['versions', 'completion', 'f'])).toEqual(['fish']);
    // A path is meant, where a command has no words of its own.
    expect(completeInBash(stdout, ['versions', 'backup', ''])).toContain('etc');
    expect(completeInBash(stdout, ['versions', 'backup', 'et'])).toEqual(['etc']);
    expect(completeInBash(stdout, ['versions', 'mirror', ''])).not.toContain('etc');
  });

  it.skipIf(!hasShell('zsh'))('is valid zsh', async () => {
    const { stdout } = await machine.run(['completion', 'zsh']);
    expect(execFileSync('zsh', ['-n'], { input: stdout, encoding: 'utf8' })).toBe('');
    expect(completeInZsh(stdout, ['versions', 'sna'])).toContain('snapshots');
    expect(completeInZsh(stdout, ['versions', 'key', ''])).toEqual(['export']);
    expect(completeInZsh(stdout, ['versions', 'restore', 'x', '--overwrite', ''])).toEqual([
      'always',
      'if-changed',
      'if-newer',
      'never',
    ]);
    expect(completeInZsh(stdout, ['versions', 'backup', ''])).toEqual(['FILES']);
    expect(completeInZsh(stdout, ['versions', 'backup', '--exclude', ''])).toEqual([]);
  });

  it.skipIf(!hasShell('fish'))('is valid fish', async () => {
    const { stdout } = await machine.run(['completion', 'fish']);
    // fish reads no script to check from standard input.
    await machine.write({ 'versions.fish': stdout });
    const file = machine.path('versions.fish');
    expect(execFileSync('fish', ['-n', file], { encoding: 'utf8' })).toBe('');
  });
});

function hasShell(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** What is offered before zsh filters it by what was typed; `FILES` where it would look for files. */
function completeInZsh(script: string, words: readonly string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const text = `compdef() { :; }; compadd() { shift; print -l -- "$@"; }; _files() { print FILES; }
${script}
words=(${quoted}); CURRENT=${words.length}; _versions`;
  const reply = execFileSync('zsh', ['-f', '-c', text], { cwd: '/', encoding: 'utf8' });
  return reply.split('\n').filter((line) => line !== '');
}

function completeInBash(script: string, words: readonly string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const text = `${script}
COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _versions; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const reply = execFileSync('bash', ['--norc', '-c', text], { cwd: '/', encoding: 'utf8' });
  return reply.split('\n').filter((line) => line !== '');
}
