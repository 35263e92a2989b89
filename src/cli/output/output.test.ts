import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Failure } from '../failure.ts';
import { Output, type OutputOptions } from './output.ts';

class Sink extends Writable {
  text = '';
  readonly isTTY: boolean = false;
  fault: NodeJS.ErrnoException | undefined;

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (this.fault === undefined) this.text += chunk.toString();
    done(this.fault);
  }
}

function make(options: Partial<OutputOptions> = {}): { output: Output; out: Sink; err: Sink } {
  const [out, err] = [new Sink(), new Sink()];
  const output = new Output({
    stdout: out,
    stderr: err,
    json: false,
    dataOnStdout: false,
    quiet: false,
    color: 'never',
    debug: false,
    ...options,
  });
  return { output, out, err };
}

const failure: Failure = {
  kind: 'Usage',
  code: 'USAGE',
  message: 'No \u001b[2J such',
  hint: 'do\nthis',
  stack: 'Error: at x',
};

describe('output for people', () => {
  it('keeps results and messages apart', async () => {
    const { output, out, err } = make();
    output.line('result');
    output.document({ type: 'x' });
    output.note('note');
    output.problem(failure);
    output.failure(failure);
    expect(await output.finish()).toBeUndefined();
    expect(out.text).toBe('result\n');
    expect(err.text).toBe(
      'note\nproblem: No \\x1b[2J such\nhint: do\nthis\nerror: No \\x1b[2J such\nhint: do\nthis\n',
    );
  });

  it('drops notes, but not problems, when quiet', async () => {
    const { output, err } = make({ quiet: true });
    output.note('note');
    output.problem(failure);
    await output.finish();
    expect(err.text).toBe('problem: No \\x1b[2J such\nhint: do\nthis\n');
  });

  it('says once what many problems have in common to be done, and not too much in all', async () => {
    const { output, err } = make();
    for (let number = 0; number < 100; number++) {
      output.problem({ ...failure, message: `bad ${number}`, hint: `mend ${number >> 1}` });
    }
    await output.finish();
    const lines = err.text.split('\n');
    expect(lines.slice(0, 4)).toEqual([
      'problem: bad 0',
      'hint: mend 0',
      'problem: bad 1',
      'problem: bad 2',
    ]);
    expect(lines.filter((line) => line.startsWith('hint: '))).toHaveLength(20);
    expect(lines.filter((line) => line.startsWith('problem: '))).toHaveLength(100);
  });

  it('shows stacks only where somebody looks for a fault', async () => {
    const { output, err } = make({ debug: true });
    output.failure(failure);
    await output.finish();
    expect(err.text).toContain('Error: at x');
  });

  it('takes the progress display away before each message', () => {
    const { output, err } = make();
    output.beforeMessage = () => {
      err.text += '<erase>';
    };
    output.note('a');
    output.problem(failure);
    expect(err.text).toMatch(/^<erase>a\n<erase>problem/);
  });

  it('colours only where it is told to', () => {
    expect(make({ color: 'always' }).output.paint('red', 'x')).toBe('\u001b[31mx\u001b[39m');
    expect(make({ color: 'auto' }).output.paint('red', 'x')).toBe('x');
  });
});

describe('output for programs', () => {
  it('is a document a line, and an error on standard error too', async () => {
    const { output, out, err } = make({ json: true });
    output.line('for people');
    output.document({ type: 'entry', path: 'a\nb' });
    output.note('n');
    output.failure(failure);
    output.document({ type: 'summary', exitCode: 2 });
    await output.finish();
    expect(
      out.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { type: 'entry', path: 'a\nb' },
      { type: 'note', message: 'n' },
      { type: 'summary', exitCode: 2 },
    ]);
    expect(JSON.parse(err.text)).toEqual({
      type: 'exit_error',
      code: 'USAGE',
      kind: 'Usage',
      message: failure.message,
      hint: failure.hint,
    });
  });

  it('goes to standard error where standard output is a file', async () => {
    const { output, out, err } = make({ json: true, dataOnStdout: true });
    await output.data(Buffer.from([0, 255]));
    output.document({ type: 'summary' });
    await output.finish();
    expect(out.text).toHaveLength(2);
    expect(err.text).toBe('{"type":"summary"}\n');
  });
});

describe('a standard output that fails', () => {
  it('is abandoned in silence when its reader went away', async () => {
    const { output, out } = make();
    out.fault = Object.assign(new Error('EPIPE'), { code: 'EPIPE' });
    await output.data(Buffer.from('x'));
    expect(output.isAbandoned).toBe(true);
    output.line('more');
    await output.data(Buffer.from('y'));
    expect(await output.finish()).toBeUndefined();
  });

  it('is reported for any other reason', async () => {
    const { output, out } = make();
    out.fault = Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    output.line('x');
    const reported = await output.finish();
    expect(reported?.message).toBe('ENOSPC');
    expect(output.isAbandoned).toBe(false);
  });
});
