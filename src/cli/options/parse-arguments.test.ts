import { describe, expect, it } from 'vitest';
import { UsageError } from '../failure.ts';
import { parseArguments } from './parse-arguments.ts';

function parse(line: string): {
  command: string | undefined;
  operands: readonly string[];
  childCommand: readonly string[];
  flags: Record<string, readonly string[]>;
} {
  const { command, operands, childCommand, flags } = parseArguments(
    line.split(' ').filter(Boolean),
  );
  return { command: command?.name, operands, childCommand, flags: Object.fromEntries(flags) };
}

function refusal(line: string): UsageError {
  try {
    parse(line);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error(`accepted: ${line}`);
}

describe('a command line', () => {
  it('has global flags before and after the command', () => {
    expect(parse('-r home ls -lR --json latest')).toEqual({
      command: 'ls',
      operands: ['latest'],
      childCommand: [],
      flags: { repository: ['home'], long: ['true'], recursive: ['true'], json: ['true'] },
    });
  });

  it('gives a flag the value that follows, whatever it looks like', () => {
    expect(parse('backup a --exclude -x --exclude=--json b')).toMatchObject({
      operands: ['a', 'b'],
      flags: { exclude: ['-x', '--json'] },
    });
  });

  it('counts -v, and lets the last of a flag and its opposite win', () => {
    expect(parse('-v ls -vv x').flags['verbose']).toEqual(['1', '2', '3']);
    expect(parse('restore x --no-owner --owner').flags['no-owner']).toEqual(['true', 'false']);
    expect(parse('ls x --no-utc --no-progress').flags).toEqual({
      utc: ['false'],
      progress: ['none'],
    });
  });

  it('ends with -- where operands begin with a hyphen', () => {
    expect(parse('backup -- -dir --json')).toMatchObject({
      operands: ['-dir', '--json'],
      childCommand: [],
      flags: {},
    });
  });

  it('has a command to run after -- with --stdin-name', () => {
    expect(parse('backup --stdin-name db -- pg_dump -v --json')).toMatchObject({
      operands: [],
      childCommand: ['pg_dump', '-v', '--json'],
      flags: { 'stdin-name': ['db'] },
    });
  });

  it.each([
    ['list', 'snapshots'],
    ['check', 'verify'],
    ['scrub', 'verify'],
    ['key export', 'key export'],
    ['config show --origin', 'config show'],
    ['--help backup', 'backup'],
    ['', undefined],
    ['--json', undefined],
    ['key --help', undefined],
  ])('%j means %j', (line, command) => {
    expect(parse(line).command).toBe(command);
  });
});

describe('a mistake is refused', () => {
  it.each([
    ['bakup', "Unknown command 'bakup'", 'did you mean backup?'],
    ['snapshot', "Unknown command 'snapshot'", 'did you mean snapshots?'],
    ['frobnicate', "Unknown command 'frobnicate'", 'versions help lists the commands'],
    ['backup --exclud x', "Unknown option '--exclud'", 'did you mean --exclude?'],
    ['ls -z x', "Unknown option '-z'", 'versions help ls lists the flags'],
    ['ls --mirrors-min x', "Unknown option '--mirrors-min'", 'versions help ls lists the flags'],
    ['--jsn', "Unknown option '--jsn'", 'did you mean --json?'],
    ['backup --json=3', "Unknown option '--json=3'", 'did you mean --json?'],
    ['backup -r', /argument missing/, 'versions help backup lists the flags'],
    ['key', 'versions key needs a second word', 'there is: versions key export'],
    ['mirror', 'versions mirror needs a second word', /^there is: versions mirror list, /],
    ['config lst', "Unknown command 'lst'", 'versions help lists the commands'],
    ['config shw', "Unknown command 'shw'", 'did you mean show?'],
  ])('%j', (line, message, hint) => {
    const error = refusal(line);
    expect(error.code).toBe('USAGE');
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  it('does not take a password as a flag', () => {
    expect(refusal('ls x --password secret').message).toBe("Unknown option '--password'");
  });
});

describe('a name for later', () => {
  it.each(['prune add x y', 'forget --keep-last 3', 'key rotate', 'config set a b'])(
    'says so whatever follows: %j',
    (line) => {
      const error = refusal(line);
      expect(error.code).toBe('NOT_YET');
      expect(error.message).toMatch(/^versions .* is not yet in this version$/);
      expect(error.hint).toMatch(/./);
    },
  );
});
