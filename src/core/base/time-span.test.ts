import { describe, expect, it } from 'vitest';
import { timeSpanOf } from './time-span.ts';

const noon = Date.UTC(2026, 10, 1, 12);

describe('the time that is meant by', () => {
  it.each([
    ['@0', 0, 999],
    ['@1793534400', 1_793_534_400_000, 1_793_534_400_999],
    ['2026-11-01T12:00Z', noon, noon + 59_999],
    ['2026-11-01T12:00:00z', noon, noon + 999],
    ['2026-11-01 13:00:30.5+01:00', noon + 30_500, noon + 30_599],
    ['2026-11-01 13:00:30.123456789+01:00', noon + 30_123, noon + 30_123],
    ['2026-11-01T06:30-0530', noon, noon + 59_999],
    ['2026-11-01Z', noon - 43_200_000, noon + 43_199_999],
    ['2026-11-01', new Date(2026, 10, 1).getTime(), new Date(2026, 10, 2).getTime() - 1],
    [
      '2026-11-01T23:59',
      new Date(2026, 10, 1, 23, 59).getTime(),
      new Date(2026, 10, 2).getTime() - 1,
    ],
    ['2024-02-29', new Date(2024, 1, 29).getTime(), new Date(2024, 2, 1).getTime() - 1],
    ['0001-01-01T00:00Z', Date.parse('0001-01-01T00:00Z'), Date.parse('0001-01-01T00:00:59.999Z')],
  ])('%j', (text, first, last) => {
    expect(timeSpanOf(text)).toEqual({ first, last });
  });

  it.each([
    '2026-02-29',
    '2026-02-31',
    '2026-13-01',
    '2026-00-01',
    '2026-01-00',
    '2026-11-01T24:00',
    '2026-11-01T12:60',
    '2026-11-01T12:00+25:00',
    '2026-11-01T12',
    'yesterday',
    '',
    '@-1',
    '@',
    '1793534400',
  ])('%j is none', (text) => {
    expect(timeSpanOf(text)).toBeUndefined();
  });
});
