import { describe, expect, it } from 'vitest';
import { VersionsError } from '../core/index.ts';
import { exitCodeOf, exitCodes, mostSevere } from './exit-codes.ts';
import { failureOf, UsageError } from './failure.ts';
import { commandTable } from './options/command-table.ts';

describe('the most severe exit code wins', () => {
  it.each([
    [[], 0],
    [[0], 0],
    [[0, 3], 3],
    [[3, 1], 1],
    [[1, 2], 2],
    [[2, 10], 10],
    [[10, 12, 11], 12],
    [[13, 20], 20],
    [[20, 22], 22],
    [[22, 21], 21],
    [[21, 143], 143],
    [[143, 130], 130],
    [[3, 0, 21, 0, 20], 21],
    [[3, 99], 1],
  ])('%j → %i', (codes, code) => {
    expect(mostSevere(...codes)).toBe(code);
    expect(mostSevere(...codes.toReversed())).toBe(code);
  });
});

describe('the exit code of a failure', () => {
  it.each([
    [{ kind: 'Usage', code: 'X' }, 2],
    [{ kind: 'NotFound', code: 'REPOSITORY_NOT_CONFIGURED' }, 10],
    [{ kind: 'NotFound', code: 'SNAPSHOT_NOT_FOUND' }, 1],
    [{ kind: 'Conflict', code: 'X' }, 11],
    [{ kind: 'Denied', code: 'X' }, 12],
    [{ kind: 'Unsupported', code: 'X' }, 13],
    [{ kind: 'Source', code: 'X' }, 1],
    [{ kind: 'NotFound', code: 'REPOSITORY_NOT_FOUND' }, 10],
    [{ kind: 'NotFound', code: 'CATALOG_MISSING' }, 10],
    [{ kind: 'Corrupt', code: 'X' }, 21],
    [{ kind: 'Corrupt', code: 'CATALOG_DAMAGED' }, 1],
    [{ kind: 'Unavailable', code: 'X' }, 22],
    [{ kind: 'Cancelled', code: 'X' }, 130],
    [{ kind: 'Internal', code: 'X' }, 1],
  ] as const)('%j → %i', (failure, code) => {
    expect(exitCodeOf(failure)).toBe(code);
  });
});

it('is documented for every code that help names', () => {
  const named = commandTable.flatMap((command) => command.exitCodes);
  expect(named.filter((code) => !exitCodes.has(code))).toEqual([]);
});

describe('what was thrown', () => {
  it('is taken as it is if it says kind and code', () => {
    expect(failureOf(new UsageError('USAGE', 'No', 'do'))).toMatchObject({
      kind: 'Usage',
      code: 'USAGE',
      message: 'No',
      hint: 'do',
    });
  });

  it('is an error of the system if it says so', () => {
    const error = Object.assign(new Error('EACCES: no'), { code: 'EACCES', syscall: 'open' });
    expect(failureOf(error)).toMatchObject({ kind: 'Source', code: 'SYSTEM_ERROR' });
  });

  it.each([
    ['text', 'text'],
    [new TypeError('x is undefined'), 'x is undefined'],
    [Object.assign(new Error('odd'), { code: 'A', kind: 'Nonsense' }), 'odd'],
  ])('is a fault of the program otherwise: %s', (thrown, message) => {
    expect(failureOf(thrown)).toMatchObject({ kind: 'Internal', code: 'UNEXPECTED', message });
  });

  it('tells the reason where an error names it', () => {
    const details = { context: { reason: 'SEAL_BROKEN' } };
    const lost = new VersionsError('Corrupt', 'CONTENT_LOST', 'Lost', details);
    expect(failureOf(lost).reason).toBe('SEAL_BROKEN');
    expect(failureOf(new VersionsError('Corrupt', 'X', 'Lost')).reason).toBeUndefined();
  });

  it('shows the stacks of all causes', () => {
    const failure = failureOf(new Error('outer', { cause: new Error('inner') }));
    expect(failure.stack).toMatch(/outer[\s\S]*caused by Error: inner/);
  });
});
