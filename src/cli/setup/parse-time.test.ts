import { describe, expect, it } from 'vitest';
import { parseTime } from './parse-time.ts';

describe('a time', () => {
  it.each([
    ['@0', 0],
    ['@1793534400', 1_793_534_400_000],
    ['2026-11-01T12:00Z', Date.UTC(2026, 10, 1, 12)],
    ['2026-11-01 12:00:30.5+01:00', Date.UTC(2026, 10, 1, 11, 0, 30)],
    ['2026-11-01T12:00-0530', Date.UTC(2026, 10, 1, 17, 30)],
    ['2026-11-01', new Date(2026, 10, 1).getTime()],
    ['2026-11-01T23:59', new Date(2026, 10, 1, 23, 59).getTime()],
    ['2024-02-29', new Date(2024, 1, 29).getTime()],
    ['2026-02-29', undefined],
    ['2026-13-01', undefined],
    ['2026-00-01', undefined],
    ['2026-11-01T24:00', undefined],
    ['2026-11-01T12:60', undefined],
    ['yesterday', undefined],
    ['', undefined],
    ['@-1', undefined],
    ['1793534400', undefined],
  ])('%j', (text, time) => {
    expect(parseTime(text)).toBe(time);
  });
});
