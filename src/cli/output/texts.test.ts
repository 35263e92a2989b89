import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatBytesOf,
  formatClock,
  formatCount,
  formatCounted,
  formatDuration,
  formatRemaining,
  formatTime,
  isoTime,
  isoTimeOf,
} from './measures.ts';
import { formatMode } from './mode.ts';
import { safeLines, safeText } from './safe-text.ts';
import { fitLeft, renderTable } from './text-table.ts';

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [8.1 * 1024 ** 3, '8.1 GiB'],
    [Number.MAX_SAFE_INTEGER, '8.0 PiB'],
  ])('%i', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('can be exact, and in the unit of a whole', () => {
    expect(formatBytes(12_345, true)).toBe('12345 B');
    expect(formatBytesOf(1024 ** 2, 2 * 1024 ** 3)).toBe('0.0/2.0 GiB');
    expect(formatBytesOf(1, 2, true)).toBe('1/2 B');
  });
});

describe('counts and times', () => {
  it('read well', () => {
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(['0', '999', '1,000', '1,234,567']);
    expect([1, 2].map((count) => formatCounted(count, 'entry', 'entries'))).toEqual([
      '1 entry',
      '2 entries',
    ]);
    expect([0, 9_949, 10_000, 59_999, 60_000, 3_723_000].map(formatDuration)).toEqual([
      '0.0 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1:00',
      '1:02:03',
    ]);
    expect([-5, 9_000, 102_000].map(formatClock)).toEqual(['0:00', '0:09', '1:42']);
    const hours = [0, 99.9, 100, 24 * 999, 24 * 999 + 1];
    expect(hours.map((hour) => formatRemaining(hour * 3_600_000))).toEqual([
      '0:00',
      '99:54:00',
      '5 days',
      '999 days',
      undefined,
    ]);
  });

  it('are local or UTC, and never fail', () => {
    const time = Date.UTC(2026, 10, 1, 12, 0, 5);
    expect(formatTime(time, true)).toBe('2026-11-01 12:00:05Z');
    expect(formatTime(time)).toMatch(/^2026-1[01]-\d\d \d\d:\d\d:05$/);
    expect(formatTime(9e15)).toBe('a time out of range');
    expect(isoTime(9e15)).toBeNull();
    expect(isoTime(0)).toBe('1970-01-01T00:00:00.000Z');
    expect(isoTimeOf(-1, 5)).toBe('1969-12-31T23:59:59.000000005Z');
    expect(isoTimeOf(2 ** 50, 5)).toBeNull();
  });
});

it('modes read as in ls', () => {
  expect(formatMode('file', 0o644)).toBe('-rw-r--r--');
  expect(formatMode('directory', 0o1777)).toBe('drwxrwxrwt');
  expect(formatMode('file', 0o6755)).toBe('-rwsr-sr-x');
  expect(formatMode('character-device', 0o7000)).toBe('c--S--S--T');
});

describe('text of strangers', () => {
  it.each([
    ['plain ünïcode 漢字 🙂', 'plain ünïcode 漢字 🙂'],
    ['a\nb\tc\r', 'a\\nb\\tc\\r'],
    ['\u001b[2J', '\\x1b[2J'],
    ['\u009b31m', '\\x9b31m'],
    ['\u007f', '\\x7f'],
    ['a\u202eb\u2066', 'a\\u{202e}b\\u{2066}'],
    ['\ud800x', '\\u{d800}x'],
  ])('%j', (text, safe) => {
    expect(safeText(text)).toBe(safe);
    expect(safeText(safe)).toBe(safe);
  });

  it('keeps its lines where it may have some', () => {
    expect(safeLines('a\n\u001bb')).toBe('a\n\\x1bb');
  });
});

describe('tables', () => {
  it('align by what is seen, not by length', () => {
    const rows = [
      ['name', 'size'],
      ['漢字', '1'],
      ['e\u0301', '1000'],
    ];
    expect(renderTable(rows, new Set([1]))).toEqual([
      'name  size',
      '漢字     1',
      'e\u0301     1000',
    ]);
  });

  it('cut paths at the left', () => {
    expect(fitLeft('/a/b', 10)).toBe('/a/b');
    expect(fitLeft('/home/ann/file', 8)).toBe('…nn/file');
    expect(fitLeft('漢字漢字', 5)).toBe('…漢字');
    expect(fitLeft('abc', 1)).toBe('…');
    expect(fitLeft('abc', 0)).toBe('');
  });
});
