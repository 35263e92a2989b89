import { expect, it } from 'vitest';
import { plainCalls } from './plain-calls.ts';
import { whatIsNotRestored, whatIsNotSaved } from './what-is-lost.ts';

const { capabilities } = plainCalls('that is supported on Linux only');

it('says once a run what a system does not give', () => {
  expect(whatIsNotSaved(capabilities, 'darwin')).toBe(
    'Extended attributes, access lists and inode flags are not saved: that is supported on Linux only',
  );
  expect(whatIsNotSaved(capabilities, 'win32')).toMatch(
    /^Owners, permissions, access lists, attributes and alternate data streams are not saved: /,
  );
  expect(whatIsNotRestored(capabilities, 'darwin')).toMatch(/^Times are rounded, and no extended /);
  expect(whatIsNotRestored(capabilities, 'win32')).toMatch(/no owners, permissions, extended /);
});

it('says nothing where everything is there', () => {
  const all = { ...capabilities, missingBecause: undefined };
  expect([whatIsNotSaved(all, 'linux'), whatIsNotRestored(all, 'linux')]).toEqual([
    undefined,
    undefined,
  ]);
});
