import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command } from '../../bench/measure/command.ts';
import { measure } from '../../bench/measure/measure.ts';
import { summarize } from '../../bench/measure/statistics.ts';
import { compareTrees } from '../../bench/source/compare-trees.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const mebibyte = 1 << 20;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'versions-bench-test-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The same small tree each time, with times of their own. */
function makeTree(path: string): void {
  mkdirSync(join(path, 'folder'), { recursive: true });
  writeFileSync(join(path, 'one.txt'), 'one\n'.repeat(1000));
  writeFileSync(join(path, 'folder', 'two.bin'), Buffer.alloc(3 * mebibyte, 7));
  symlinkSync('../one.txt', join(path, 'folder', 'link'));
  for (const name of ['one.txt', 'folder/two.bin']) utimesSync(join(path, name), 1e9, 1e9);
  lutimesSync(join(path, 'folder', 'link'), 1e9, 1e9);
  for (const name of ['folder', '.']) utimesSync(join(path, name), 1e9, 1e9);
}

describe('what is found in several runs', () => {
  it.each([
    [[3, 1, 2], { median: 2, min: 1, max: 3 }],
    [[4, 1, 3, 2], { median: 2.5, min: 1, max: 4 }],
    [[10, 9], { median: 9.5, min: 9, max: 10 }],
    [[], undefined],
  ])('%j', (values, expected) => {
    expect(summarize(values)).toEqual(expected);
  });
});

describe.runIf(process.platform === 'linux')('a measured process', () => {
  const grandchild = `
    const filled = Buffer.alloc(150 * ${mebibyte}, 1);
    const end = Date.now() + 1000;
    while (Date.now() < end) filled[0]++;`;
  const child = `require('node:child_process').execFileSync(process.execPath, ['-e', process.argv[1]])`;

  it('is charged with what its children use', async () => {
    const step = command(process.execPath, '-e', child, grandchild);
    const measured = await measure(step, { logs: folder, env: {} });
    expect(measured.seconds).toBeGreaterThan(1);
    expect(measured.cpuSeconds).toBeGreaterThan(0.2);
    expect(measured.peakBytes).toBeGreaterThan(150 * mebibyte);
    expect(measured.peakBytes).toBeLessThan(600 * mebibyte);
  });

  it('is not charged with what ran before it', async () => {
    await measure(command(process.execPath, '-e', grandchild), { logs: folder, env: {} });
    const idle = command(process.execPath, '-e', 'setTimeout(() => console.log("x"), 300)');
    const measured = await measure(idle, { logs: folder, env: {} });
    expect(measured.output).toBe('x\n');
    expect(measured.seconds).toBeGreaterThan(0.3);
    expect(measured.cpuSeconds).toBeLessThan(0.6);
    expect(measured.peakBytes).toBeLessThan(150 * mebibyte);
  });

  it('that fails says why', async () => {
    const failing = command(process.execPath, '-e', 'console.error("no luck"); process.exit(3)');
    await expect(measure(failing, { logs: folder, env: {} })).rejects.toThrow(
      /ended with 3\nno luck/,
    );
    const absent = command(join(folder, 'absent'));
    await expect(measure(absent, { logs: folder, env: {} })).rejects.toThrow(/does not start/);
  });

  it('is ended when nobody waits for it any more', async () => {
    const signal = AbortSignal.timeout(300);
    const endless = command(process.execPath, '-e', 'setInterval(() => {}, 1000)');
    const measured = measure(endless, { logs: folder, env: {}, signal });
    await expect(measured).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('a restored tree', () => {
  let source = '';
  let restored = '';
  beforeEach(() => {
    [source, restored] = [join(folder, 'source'), join(folder, 'restored')];
    makeTree(source);
    makeTree(restored);
  });
  const kinds = (): string[] => compareTrees(source, restored).map(({ kind }) => kind);

  it('is identical', () => {
    expect(kinds()).toEqual([]);
  });

  const two = 'folder/two.bin';
  const at = (name: string): string => join(restored, name);
  const keepTimes = (): void => {
    for (const name of ['one.txt', two, 'folder', '.']) utimesSync(at(name), 1e9, 1e9);
  };

  it.each<[string, () => void]>([
    ['missing', () => rmSync(at('folder/link'))],
    ['extra', () => writeFileSync(at('more'), '')],
    ['type', () => (rmSync(at('one.txt')), mkdirSync(at('one.txt')))],
    ['content', () => writeFileSync(at(two), Buffer.alloc(1), { flag: 'r+' })],
    ['content', () => writeFileSync(at(two), 'short')],
    ['mode', () => chmodSync(at('one.txt'), 0o600)],
  ])('differs: %s', (kind, change) => {
    change();
    keepTimes();
    expect(kinds()).toEqual([kind]);
  });

  it('differs: link target, mtime, hard links', () => {
    rmSync(at('folder/link'));
    symlinkSync('../two.txt', at('folder/link'));
    lutimesSync(at('folder/link'), 1e9, 1e9);
    linkSync(at('one.txt'), join(folder, 'second-name'));
    keepTimes();
    utimesSync(at(two), 1e9, 1e9 + 0.001);
    expect(kinds()).toEqual(['link target', 'mtime', 'hard links']);
  });

  it('that is not there at all is missing', () => {
    expect(compareTrees(source, join(folder, 'absent'))).toEqual([
      { kind: 'missing', count: 5, example: './' },
    ]);
  });
});

describe('a data set', () => {
  const make = (...args: readonly string[]) =>
    spawnSync(process.execPath, [join(root, 'bench/data-sets.ts'), ...args], { encoding: 'utf8' });
  const hashes = (path: string): Record<string, string> =>
    Object.fromEntries(
      readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => {
          const bytes = readFileSync(join(entry.parentPath, entry.name));
          return [entry.name, createHash('sha256').update(bytes).digest('hex').slice(0, 16)];
        }),
    );

  // Figures of different releases can only be compared while these stay the same.
  it.each([
    ['large', 'large.bin', '176ff7fa56cc5432'],
    ['small', '7.txt', '292b2c20ab33f7ce'],
    ['image', 'disk.img', '5875ca537569b8ec'],
  ])('%s has the same bytes everywhere', (name, file, hash) => {
    const path = join(folder, name);
    expect(make(name, path, '--scale', '0.0001').stderr).toBe('');
    expect(hashes(path)[file]).toBe(hash);
    expect(make(name, path).stderr).toContain('is not empty');
  });

  it('image is edited, and the edits are taken back', () => {
    const path = join(folder, 'image');
    make('image', path, '--scale', '0.01');
    const before = readFileSync(join(path, 'disk.img'));
    make('image', path, '--edit');
    const edited = readFileSync(join(path, 'disk.img'));
    const sectors = Array.from({ length: before.length / 4096 }, (_, index) => index * 4096);
    const changed = sectors.filter((at) => before.compare(edited, at, at + 4096, at, at + 4096));
    expect(changed).toHaveLength(Math.floor((sectors.length - 1) / 100));
    make('image', path, '--edit');
    expect(readFileSync(join(path, 'disk.img')).equals(before)).toBe(true);
  });

  it('nothing else is edited', () => {
    writeFileSync(join(folder, 'disk.img'), 'a real one');
    expect(make('image', folder, '--edit').stderr).toContain('does not hold the data set');
    expect(readFileSync(join(folder, 'disk.img'), 'utf8')).toBe('a real one');
  });
});

describe.runIf(process.platform === 'linux')('npm run bench', () => {
  const bench = (...args: readonly string[]) => {
    const json = join(folder, 'report.json');
    const all = [join(root, 'bench/main.ts'), ...args, '--tmp', folder, '--json', json];
    const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
    return { status, stdout, stderr, json };
  };

  /** A peer that is called like restic and copies; `afterRestore` can spoil what it brings back. */
  const makePeer = (afterRestore = ':'): string => {
    const script = `#!/bin/sh -e
      if [ "$1" = version ]; then echo "restic 9.8.7"; exit; fi
      repository=$3; shift 3
      case $1 in
        init) mkdir "$repository";;
        backup) mkdir -p "$repository/$2"; cp -a "$2/." "$repository/$2";;
        restore) cp -a "$repository/." "$4"; cd "$4"; ${afterRestore};;
      esac`;
    const peers = join(folder, 'peers');
    mkdirSync(peers);
    writeFileSync(join(peers, 'restic'), script, { mode: 0o755 });
    return peers;
  };
  const onlyPeer = ['--against', 'restic', '--runs', '2', '--skip'];
  const skipped = 'versions,versions-password,restic-nocache,tar-zstd';

  beforeEach(() => makeTree(join(folder, 'source')));

  it('measures a peer, compares what it restores, and leaves nothing', () => {
    const peers = makePeer();
    const run = bench(join(folder, 'source'), ...onlyPeer, skipped, '--peers', peers);
    expect(run.stdout).toContain('- restic 9.8.7: restored content and metadata identical');
    expect(run.stdout).toMatch(
      /^\| restic \|( \d+\.\d+ \(\d+\.\d+–\d+\.\d+\) \|){4} 3,149,728 \| /m,
    );
    expect(run.status).toBe(0);
    const [row] = JSON.parse(readFileSync(run.json, 'utf8')).results;
    expect(row.runs).toHaveLength(2);
    expect(Object.keys(row.runs[1].phases)).toEqual(['first', 'second', 'verify', 'restore']);
    expect(readdirSync(folder).toSorted()).toEqual(['peers', 'report.json', 'source']);
  });

  it('measures our own program', () => {
    const flags = '--against none --runs 1 --mirrors 2'.split(' ');
    const run = bench(join(folder, 'source'), ...flags, '--skip', 'tar-zstd,versions-password');
    expect(run.stderr).not.toContain('FAILED');
    expect(run.status).toBe(0);
    const { results } = JSON.parse(readFileSync(run.json, 'utf8'));
    const names = results.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['versions', 'versions-mirrors-2']);
    for (const { differences, runs } of results) {
      expect(differences).toEqual([]);
      expect(runs[0].phases.restore.seconds).toBeGreaterThan(0);
      expect(runs[0].storedFirst.bytes).toBeGreaterThan(0);
    }
    expect(run.stdout).toMatch(/^\| versions-mirrors-2 \/ versions \| \d+\.\d+ /m);
  }, 120_000);

  it('fails loudly if a peer brings back something else', () => {
    const peers = makePeer('find . -name one.txt -exec sh -c "echo x >> {}" \\;');
    const run = bench(join(folder, 'source'), ...onlyPeer, skipped, '--peers', peers);
    expect(run.stdout).toContain('**restored content DIFFERS**: content of 1 (such as ./one.txt)');
    expect(run.stderr).toContain('NOT TO BE BELIEVED: restic');
    expect(run.status).toBe(1);
  });

  it('fails loudly if a peer fails', () => {
    const peers = makePeer('echo out of luck >&2; exit 7');
    const run = bench(join(folder, 'source'), ...onlyPeer, skipped, '--peers', peers);
    expect(run.stdout).toMatch(/\*\*restic FAILED\*\*: .* ended with 7 out of luck/);
    expect(run.status).toBe(1);
  });

  it('names a peer that is not there', () => {
    const run = bench(
      join(folder, 'source'),
      '--against',
      'rustic',
      '--runs',
      '1',
      '--skip',
      skipped,
    );
    expect(run.stdout).toContain('- rustic is not measured: rustic not found');
    expect(run.status).toBe(0);
  });

  it.each([
    [[]],
    [['source', '--runs', '0']],
    [['source', '--against', 'gzip']],
    [['source', '--fast']],
  ])('is not called like this: %j', (args) => {
    const run = bench(...args);
    expect(run.stderr).toContain('Usage: npm run bench');
    expect(run.status).toBe(2);
  });
});

describe.runIf(process.platform === 'linux')('npm run bench:table', () => {
  const table = (...args: readonly string[]) => {
    const files = ['--json', join(folder, 'table.json'), '--markdown', join(folder, 'table.md')];
    const all = [join(root, 'bench/table.ts'), ...args, '--tmp', folder, ...files];
    return spawnSync(process.execPath, all, { encoding: 'utf8' });
  };

  it('measures a section, and another one that fails does not stop it', () => {
    makeTree(join(folder, 'source'));
    const flags = '--only large,index,binaries --scale 0.001 --runs 1'.split(' ');
    const run = table(join(folder, 'source'), ...flags);
    expect(run.stdout).toMatch(/^\| one 4 GiB file, .* \| \d+\.\d\d \| 1\.60 \| 1\.90 \| /m);
    expect(run.stdout).toMatch(/^\| peak memory, any row \| \d+ MB \| 450 MB \| 250 MB \| /m);
    expect(run.stdout).toContain('- **binaries**: no directory given');
    expect(run.status).toBe(1);
    expect(readFileSync(join(folder, 'table.md'), 'utf8').split('\n').slice(1)).toEqual(
      run.stdout.split('\n').slice(1),
    );
    const { rows, failures } = JSON.parse(readFileSync(join(folder, 'table.json'), 'utf8'));
    expect(rows.map(({ verdict }: { verdict: string }) => verdict)).not.toContain('not measured');
    expect(Object.keys(failures)).toEqual(['binaries']);
    expect(readdirSync(folder).toSorted()).toEqual(['source', 'table.json', 'table.md']);
  }, 120_000);

  it.each([[[]], [['a', 'b']], [['a', '--only', 'nothing']], [['a', '--runs', '0']]])(
    'is not called like this: %j',
    (args) => {
      const run = table(...args);
      expect(run.stderr).toContain('Usage: npm run bench:table');
      expect(run.status).toBe(2);
    },
  );
});
