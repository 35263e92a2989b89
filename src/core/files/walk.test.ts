import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import type { ByteString } from '../base/index.ts';
import { parseExclude } from './ignore-pattern.ts';
import { IgnoreRules } from './ignore-rules.ts';
import type { WalkEvent, WalkOptions } from './walk-events.ts';
import { walk, walkSource } from './walk.ts';

let directory: TemporaryDirectory;
beforeEach(() => void (directory = new TemporaryDirectory()));
afterEach(() => directory.remove());

/** Makes files, and directories where a name ends in `/`. */
function make(...names: readonly string[]): void {
  for (const name of names) {
    const path = directory.text(name);
    mkdirSync(name.endsWith('/') ? path : path.slice(0, path.lastIndexOf('/')), {
      recursive: true,
    });
    if (!name.endsWith('/')) writeFileSync(Buffer.from(path, 'latin1'), name);
  }
}

/** The events as short texts, with paths relative to the test's directory. */
function shown(events: Iterable<WalkEvent>): string[] {
  const relative = (path: ByteString): string => path.slice(directory.root.length + 1);
  return Array.from(events, (event) => {
    if (event.type === 'leave') return '<';
    if (event.type === 'entry') return relative(event.path);
    if (event.type === 'enter') {
      return `>${relative(event.path)}${event.content === 'read' ? '' : ` ${event.content}`}`;
    }
    return `!${relative(event.path)} ${event.error.code}${event.vanished ? ' vanished' : ''}`;
  });
}

const walked = (options: WalkOptions = {}): string[] => shown(walk(directory.root, options));
const rules = (...patterns: readonly string[]): WalkOptions => ({
  rules: IgnoreRules.of(patterns.map(parseExclude)),
});

describe('walk', () => {
  it('goes depth first in the order of bytes', () => {
    make('b/z', 'b/\xff', 'a.', 'a/x', 'a-', 'B', '\x80', '-', '\n', 'é');
    expect(walked()).toEqual([
      '>',
      '\n',
      '-',
      'B',
      '>a',
      'a/x',
      '<',
      'a-',
      'a.',
      '>b',
      'b/z',
      'b/\xff',
      '<',
      '\x80',
      '\xe9',
      '<',
    ]);
  });

  it('gives a single file, and a path with odd slashes', () => {
    make('a/x');
    expect(shown(walk(directory.path('a/x')))).toEqual(['a/x']);
    expect(shown(walk(directory.path('./a//b/../')))).toEqual(['>a', 'a/x', '<']);
  });

  it('says when the start is not there', () => {
    expect(shown(walk(directory.path('none')))).toEqual(['!none SOURCE_NOT_FOUND']);
  });

  it('gives every kind without following or opening anything', () => {
    make('file');
    symlinkSync('/', directory.text('link'));
    symlinkSync('loop', directory.text('loop'));
    execFileSync('mkfifo', [directory.text('fifo')]);
    const kinds = [...walk(directory.root)].flatMap((event) =>
      event.type === 'entry' ? [event.stat.kind] : [],
    );
    expect(kinds).toEqual(['fifo', 'file', 'symlink', 'symlink']);
  });

  it('reports what vanishes while it walks, and goes on', () => {
    make('a', 'b', 'c/x', 'd');
    const events = walk(directory.root);
    const first = [events.next().value, events.next().value] as WalkEvent[];
    rmSync(directory.text('b'));
    renameSync(directory.text('c'), `${directory.root}-moved`);
    expect([...shown(first), ...shown(events)]).toEqual([
      '>',
      'a',
      '!b SOURCE_VANISHED vanished',
      '!c SOURCE_VANISHED vanished',
      'd',
      '<',
    ]);
    rmSync(`${directory.root}-moved`, { recursive: true });
  });
});

describe('what is left out', () => {
  it('by patterns, with everything below', () => {
    make('keep', 'x.iso', 'sub/y.iso', 'sub/z', 'gone/keep');
    expect(walked(rules('*.iso', `${directory.root}/gone`))).toEqual([
      '>',
      'keep',
      '>sub',
      'sub/z',
      '<',
      '<',
    ]);
  });

  it('but never what was asked for', () => {
    make('a/x', 'a/y.iso');
    expect(shown(walk(directory.path('a'), rules('a', '*.iso')))).toEqual(['>a', 'a/x', '<']);
  });

  it('by ignore files, from their directory down, which are saved themselves', () => {
    make('a/x.o', 'a/b/x.o', 'a/b/y', 'x.o');
    writeFileSync(directory.text('a/.versionsignore'), '*.o\n');
    writeFileSync(directory.text('a/b/.versionsignore'), '!x.o\ny\n');
    expect(walked({ ignoreFiles: true })).toEqual([
      '>',
      '>a',
      'a/.versionsignore',
      '>a/b',
      'a/b/.versionsignore',
      'a/b/x.o',
      '<',
      '<',
      'x.o',
      '<',
    ]);
    expect(walked()).toContain('a/x.o');
  });

  it('not by ignore files that cannot be read, which is said', () => {
    make('a/x');
    execFileSync('mkfifo', [directory.text('a/.versionsignore')]);
    expect(walked({ ignoreFiles: true })).toEqual([
      '>',
      '>a',
      '!a/.versionsignore IGNORE_FILE_UNREADABLE',
      'a/.versionsignore',
      'a/x',
      '<',
      '<',
    ]);
  });

  it('by tags, of which only the tag stays', () => {
    make('c/x', 'fake/x', 'n/.nobackup', 'n/sub/x');
    const signature = 'Signature: 8a477f597d28d172789f06886806bc55';
    writeFileSync(directory.text('c/CACHEDIR.TAG'), `${signature}\n# a comment`);
    writeFileSync(
      directory.text('fake/CACHEDIR.TAG'),
      'Signature: 8a477f597d28d172789f06886806bc5',
    );
    const options = { excludeCaches: true, excludeIfPresent: [bytes('.nobackup')] };
    expect(walked(options)).toEqual([
      '>',
      '>c tagged',
      'c/CACHEDIR.TAG',
      '<',
      '>fake',
      'fake/CACHEDIR.TAG',
      'fake/x',
      '<',
      '>n tagged',
      'n/.nobackup',
      '<',
      '<',
    ]);
  });

  it('by size, by name and by what it is, and is told', () => {
    make('large', 'small', 'mirror/packs/x', 'other');
    truncateSync(directory.text('large'), 1001);
    truncateSync(directory.text('small'), 1000);
    symlinkSync('mirror', directory.text('way'));
    const told: string[] = [];
    const events = walked({
      excludeLargerThan: 1000,
      exclude: (path) => path.endsWith('/other'),
      never: [directory.path('way/packs'), directory.path('not-there')],
      onExcluded: (path, stat, reason) =>
        told.push(`${path.slice(directory.root.length)} ${reason}`),
    });
    expect(events).toEqual(['>', '>mirror', '<', 'small', 'way', '<']);
    expect(told).toEqual(['/large larger', '/mirror/packs never', '/other pattern']);
  });

  it('beyond the file system', () => {
    const options = {
      oneFileSystem: true,
      exclude: (path: ByteString) => !/^\/(?:dev|proc)?$/.test(path),
    };
    const events = [...walk(bytes('/'), options)];
    const mounted = events.filter((event) => event.type === 'enter' && event.path !== '/');
    expect(statSync('/proc').dev).not.toBe(statSync('/').dev);
    expect(mounted.find((event) => event.type === 'enter' && event.name === 'proc')).toMatchObject({
      content: 'mount-point',
    });
    expect(events.at(-1)).toEqual({ type: 'leave' });
  });
});

describe('walkSource', () => {
  const source = (paths: readonly string[], options: WalkOptions = {}): string[] =>
    shown(
      walkSource(
        paths.map((path) => directory.path(path)),
        options,
      ),
    ).filter((text) => text !== '<' && text !== '>' && !/^>.*passage$/.test(text));

  it('leads from the root to what was asked for, each once', () => {
    make('a/b/x', 'a/c/y', 'z');
    const events = [
      ...walkSource([directory.path('a/b'), directory.path('z'), directory.path('a/b/x')]),
    ];
    expect(events[0]).toMatchObject({ type: 'enter', path: '/', name: '', content: 'passage' });
    expect(events.filter(({ type }) => type === 'enter').length).toBe(
      events.filter(({ type }) => type === 'leave').length,
    );
    expect(source(['a/b', 'z', 'a/b/x'])).toEqual(['>a/b', 'a/b/x', 'z']);
  });

  it('takes what is asked for inside of something excluded', () => {
    make('a/no/x', 'a/no/deep/y', 'a/z');
    expect(source(['a', 'a/no/deep'], rules('no'))).toEqual([
      '>a',
      '>a/no/deep',
      'a/no/deep/y',
      'a/z',
    ]);
  });

  it('goes through symlinks on the way only', () => {
    make('real/x/y', 'whole/');
    symlinkSync('real', directory.text('way'));
    symlinkSync('../real', directory.text('whole/way'));
    expect(source(['way/x'])).toEqual(['>way/x', 'way/x/y']);
    expect(source(['whole', 'whole/way/x'])).toEqual([
      '>whole',
      'whole/way',
      '!whole/way/x SOURCE_BEHIND_SYMLINK',
    ]);
    expect(source(['way'])).toEqual(['way']);
  });

  it('names each asked path that is not there', () => {
    make('a/x');
    expect(source(['a', 'b/c', 'b/d', 'a/x/y'])).toEqual([
      '>a',
      'a/x',
      '!a/x/y SOURCE_NOT_FOUND',
      '!b/c SOURCE_NOT_FOUND',
      '!b/d SOURCE_NOT_FOUND',
    ]);
  });

  it('enters an asked mount point even where mounts are left out', () => {
    const events = [
      ...walkSource([bytes('/proc/self/fdinfo'), bytes('/dev/null')], { oneFileSystem: true }),
    ];
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'enter', path: '/proc/self/fdinfo' }),
    );
    expect(events).toContainEqual(expect.objectContaining({ type: 'entry', path: '/dev/null' }));
  });
});

describe('somebody who is not root', () => {
  const setpriv = existsSync('/usr/bin/setpriv') && process.getuid?.() === 0;

  it.runIf(setpriv)('records directories that cannot be listed or searched', () => {
    make('closed/x', 'listed/x', 'open/x', 'ignored/x');
    chmodSync(directory.text('closed'), 0o311);
    chmodSync(directory.text('listed'), 0o744);
    chmodSync(directory.text('ignored'), 0o700);
    const program = `
      import { walk, IgnoreRules, parseExclude } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)};
      const rules = IgnoreRules.of([parseExclude('ignored')]);
      for (const event of walk(${JSON.stringify(directory.root)}, { rules })) {
        console.log(event.type, event.name ?? '', event.content ?? event.error?.code ?? '');
      }`;
    const ids = ['--reuid=12345', '--regid=12345', '--clear-groups'];
    const output = execFileSync(
      'setpriv',
      [...ids, process.execPath, '--input-type=module', '-e', program],
      { encoding: 'utf8', cwd: '/' },
    );
    expect(
      output
        .split('\n')
        .map((line) => line.trim())
        .slice(1, -1),
    ).toEqual([
      'enter closed unreadable',
      'problem  SOURCE_DENIED',
      'leave',
      'enter listed read',
      'problem  SOURCE_DENIED',
      'leave',
      'enter open read',
      'entry x',
      'leave',
      'leave',
    ]);
  });
});

describe('a directory in whose place somebody puts a symlink', () => {
  /** Walks, and does something when it has come to a place. */
  function shownAround(place: string, action: () => void): string[] {
    function* events(): Generator<WalkEvent> {
      for (const event of walk(directory.path('source'))) {
        yield event;
        if (event.type === 'enter' && event.path === directory.path(place)) action();
      }
    }
    return shown(events());
  }

  it.each(['source/a/b', 'source/a/1/2/3/4/5/6/7/8/9/10'])(
    'while the walk is in %s is not followed',
    (place) => {
      make(`${place}/f`, 'source/a/z', 'elsewhere/secret', 'elsewhere/z');
      symlinkSync('somewhere', directory.text('elsewhere/link'));
      const seen = shownAround(place, () => {
        renameSync(directory.text('source/a'), directory.text('moved'));
        symlinkSync(directory.text('elsewhere'), directory.text('source/a'));
      });
      expect(seen.filter((each) => each.includes('secret') || each.includes('link'))).toEqual([]);
      // Where it is still open, what was there is found; else it is said to be gone.
      expect(seen.filter((each) => each.includes('z'))).toEqual([
        place === 'source/a/b' ? 'source/a/z' : '!source/a/z SOURCE_VANISHED vanished',
      ]);
    },
  );
});
