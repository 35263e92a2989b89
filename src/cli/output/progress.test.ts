import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { OutputStream } from '../io.ts';
import { Output } from './output.ts';
import { ProgressDisplay, type ProgressMode } from './progress-display.ts';
import { ProgressState } from './progress-state.ts';
import { RateWindow } from './rate-window.ts';

/** A terminal of some width that keeps what it shows. */
class Terminal extends Writable {
  readonly columns: number;
  readonly isTTY: boolean = true;
  readonly lines: string[] = [''];
  row = 0;
  column = 0;
  writeCount = 0;

  constructor(columns = 120) {
    super({ decodeStrings: false });
    this.columns = columns;
  }

  override _write(text: string, _encoding: string, done: () => void): void {
    this.writeCount += 1;
    // oxlint-disable-next-line no-control-regex -- escape sequences are what is looked for
    for (const part of text.match(/\u001b\[\d*[A-Z]|\n|[^\u001b\n]+/g) ?? []) this.#apply(part);
    done();
  }

  get shown(): string[] {
    return this.lines.filter((line) => line !== '');
  }

  #apply(part: string): void {
    // oxlint-disable-next-line no-control-regex -- escape sequences are what is looked for
    const [, count = '', command] = /^\u001b\[(\d*)([A-Z])$/.exec(part) ?? [];
    if (command === 'G') this.column = Number(count || 1) - 1;
    else if (command === 'A') this.row -= Number(count || 1);
    else if (command === 'J') {
      this.lines[this.row] = (this.lines[this.row] ?? '').slice(0, this.column);
      this.lines.length = this.row + 1;
    } else if (part === '\n') {
      this.row += 1;
      this.column = 0;
      this.lines[this.row] ??= '';
    } else if (command === undefined) {
      const line = (this.lines[this.row] ?? '').padEnd(this.column);
      this.lines[this.row] =
        line.slice(0, this.column) + part + line.slice(this.column + part.length);
      this.column += part.length;
    } else throw new Error(`unknown sequence ${JSON.stringify(part)}`);
  }
}

function make(mode: ProgressMode, { columns = 120, intervalMs = 30_000 } = {}) {
  const terminal = new Terminal(columns);
  const clock = { now: 1_000_000 };
  const state = new ProgressState(clock.now);
  const stream: OutputStream = terminal;
  const output = new Output({
    stdout: new Terminal(),
    stderr: stream,
    json: mode === 'json',
    dataOnStdout: true,
    quiet: false,
    color: 'never',
    debug: false,
  });
  const options = { mode, stream, output, state, intervalMs, exactBytes: false };
  const display = new ProgressDisplay({ ...options, now: () => clock.now });
  const pass = (ms: number): void => {
    clock.now += ms;
    display.tick();
  };
  return { terminal, state, output, display, pass };
}

describe('the progress display on a terminal', () => {
  it('shows one line and the path, and leaves nothing behind', () => {
    const { terminal, state, display, pass } = make('terminal');
    state.phase = 'scanning';
    state.path = '/home/ann/x';
    state.count('filesDone', 1204);
    state.count('bytesDone', 80 * 1024 ** 2);
    pass(400);
    expect(terminal.shown).toEqual(['[0:00]  scanning  1,204 files  80.0 MiB', '/home/ann/x']);
    state.path = '/b';
    pass(100);
    expect(terminal.shown[1]).toBe('/b');
    display[Symbol.dispose]();
    expect(terminal.shown).toEqual([]);
  });

  it('shows nothing for what is over at once, and draws at most ten times a second', () => {
    const { terminal, pass } = make('terminal');
    pass(250);
    expect(terminal.writeCount).toBe(0);
    pass(100);
    const { writeCount } = terminal;
    for (let step = 0; step < 9; step += 1) pass(10);
    expect(terminal.writeCount).toBe(writeCount);
    pass(10);
    expect(terminal.writeCount).toBeGreaterThan(writeCount);
  });

  it('gives way to a message and comes back', () => {
    const { terminal, state, output, display, pass } = make('terminal');
    display.start();
    state.path = '/home/ann/x';
    pass(400);
    output.note('something');
    expect(terminal.shown).toEqual(['something']);
    pass(100);
    expect(terminal.shown).toEqual(['something', '[0:00]  working', '/home/ann/x']);
    display[Symbol.dispose]();
    expect(terminal.shown).toEqual(['something']);
  });

  it('fits into a narrow terminal and escapes what could move its cursor', () => {
    const { terminal, state, pass } = make('terminal', { columns: 40 });
    state.count('filesDone', 12_480);
    state.count('bytesDone', 5e9);
    state.count('bytesUploaded', 5e9);
    state.problemCount = 2;
    state.path = `/home/\u001b[2J${'long/'.repeat(20)}end`;
    pass(400);
    expect(terminal.shown).toHaveLength(2);
    for (const line of terminal.shown) expect(line.length).toBeLessThan(40);
    expect(terminal.shown[0]).toContain('2 problems');
    expect(terminal.shown[1]).toMatch(/^….*end$/);
  });
});

describe('progress without a terminal', () => {
  it('is a line now and then', () => {
    const { terminal, state, pass } = make('lines', { intervalMs: 30_000 });
    state.count('filesDone', 1);
    pass(29_999);
    expect(terminal.shown).toEqual([]);
    pass(1);
    pass(100);
    expect(terminal.shown).toEqual(['[0:30]  working  1 files']);
    pass(30_000);
    expect(terminal.shown).toHaveLength(2);
  });

  it('is a document now and then with --json --progress json', () => {
    const { terminal, state, pass } = make('json', { intervalMs: 1000 });
    state.phase = 'saving';
    state.count('filesDone', 3);
    pass(1000);
    expect(JSON.parse(terminal.shown[0] ?? '')).toEqual({
      type: 'status',
      phase: 'saving',
      elapsedMs: 1000,
      filesDone: 3,
      problems: 0,
    });
  });

  it('is nothing where it is not wanted', () => {
    const { terminal, display, pass } = make('none');
    display.start();
    pass(100_000);
    expect(terminal.writeCount).toBe(0);
  });
});

describe('what the line says', () => {
  const wide = { exactBytes: false, width: 200 };

  function run(state: ProgressState, seconds: number, bytesEach: number): void {
    for (let second = 1; second <= seconds; second += 1) {
      state.count('bytesDone', bytesEach);
      state.tick(second * 1000);
    }
  }

  it('has no percent while the totals still grow', () => {
    const state = new ProgressState(0);
    for (let second = 1; second <= 3; second += 1) {
      state.tick(second * 1000);
      state.count('bytesTotal', 1000);
    }
    expect(state.fraction).toBeUndefined();
    state.tick(4400);
    expect(state.fraction).toBeUndefined();
    state.tick(4600);
    expect(state.fraction).toBe(0);
  });

  it('tells the rest by the rate of the last two minutes', () => {
    const state = new ProgressState(0);
    state.count('bytesTotal', 1000 * 1024 ** 2);
    run(state, 10, 10 * 1024 ** 2);
    expect(state.line(wide)).toBe('[0:10]  10.0%  100.0/1000.0 MiB  10.0 MiB/s  ETA 1:30');
    state.problemCount = 1;
    expect(state.line(wide)).toMatch(/ETA 1:30 {2}1 problem$/);
  });

  it('has whole numbers, however little is done in a second', () => {
    const state = new ProgressState(0);
    state.count('bytesTotal', 1e15);
    run(state, 8, 0.3);
    expect(state.line(wide)).toBe('[0:08]  0.0%  0.0/909.5 TiB  0 B/s');
  });

  it('says nothing about the rest before enough was seen', () => {
    const state = new ProgressState(0);
    state.count('bytesTotal', 1e9);
    run(state, 3, 1e6);
    expect(state.remainingMs).toBeUndefined();
    expect(state.line(wide)).not.toContain('/s');
  });

  it('never passes 100 %, even if a file grew meanwhile', () => {
    const state = new ProgressState(0);
    state.count('bytesTotal', 10);
    run(state, 8, 5);
    expect(state.fraction).toBe(1);
    expect(state.remainingMs).toBeUndefined();
  });

  it('counts objects where there are no files', () => {
    const state = new ProgressState(0);
    state.count('objectsTotal', 200);
    for (let second = 1; second <= 10; second += 1) {
      state.count('objectsDone', 10);
      state.tick(second * 1000);
    }
    expect(state.line(wide)).toBe('[0:10]  50.0%  100/200 objects  ETA 0:10');
  });
});

describe('the rate', () => {
  it('forgets what was more than two minutes ago', () => {
    const window = new RateWindow();
    for (let second = 0; second < 60; second += 1) window.add(second * 1000, second * 100);
    for (let second = 60; second < 300; second += 1) window.add(second * 1000, 6000 + second);
    expect(window.perSecond).toBeCloseTo(1);
  });

  it('is unknown when nothing moves', () => {
    const window = new RateWindow();
    for (let second = 0; second < 10; second += 1) window.add(second * 1000, 5);
    expect(window.perSecond).toBeUndefined();
  });
});
