import { describe, expect, it } from 'vitest';
import { bytes } from '../../../test/fidelity/temporary-directory.ts';
import type { SnapshotId } from '../base/index.ts';
import { findSnapshot, parseSnapshotPath } from './find-snapshot.ts';
import type { SnapshotInfo } from './snapshot-info.ts';

function snapshotOf(id: string, time: Date, more: Partial<SnapshotInfo> = {}): SnapshotInfo {
  return {
    id: id.padEnd(32, '0') as SnapshotId,
    time: time.getTime(),
    finished: time.getTime(),
    host: 'here',
    user: 'me',
    source: '0'.repeat(32),
    paths: [bytes('/home')],
    root: new Uint8Array(32),
    tags: [],
    partial: false,
    problems: 0,
    missing: [],
    stats: {
      files: 0,
      dirs: 0,
      others: 0,
      bytes: 0,
      filesNew: 0,
      filesChanged: 0,
      filesUnchanged: 0,
      bytesNew: 0,
      bytesStored: 0,
    },
    users: new Map(),
    groups: new Map(),
    program: 'versions',
    ...more,
  };
}

const snapshots: readonly SnapshotInfo[] = [
  snapshotOf('aaaa1', new Date(2026, 0, 1, 12)),
  snapshotOf('aaaa2', new Date(2026, 0, 2, 12, 30, 15), { host: 'there' }),
  snapshotOf('bbbb', new Date(2026, 0, 3, 12), { tags: ['weekly', 'kept'] }),
  snapshotOf('cccc', new Date(2026, 0, 4, 12), { paths: [bytes('/home'), bytes('/etc')] }),
  snapshotOf('dddd', new Date(2026, 0, 5, 12), { partial: true }),
];

const find = (selector: string, filter = {}): string =>
  findSnapshot(snapshots, selector, filter).id.replace(/0+$/, '');
const codeOf = (action: () => unknown): unknown => {
  try {
    action();
    return 'nothing was thrown';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

describe('a snapshot', () => {
  it('is found by its id or enough of it, also a partial one', () => {
    expect(find('bbbb')).toBe('bbbb');
    expect(find('BBBB')).toBe('bbbb');
    expect(find('aaaa2')).toBe('aaaa2');
    expect(find('dddd'.padEnd(32, '0'))).toBe('dddd');
  });

  it('is not found by the beginning of several, or of none', () => {
    expect(codeOf(() => find('aaaa'))).toBe('SNAPSHOT_AMBIGUOUS');
    expect(codeOf(() => find('ffff'))).toBe('SNAPSHOT_NOT_FOUND');
  });

  it.each(['', 'xyz', 'aaa', 'latest~', 'latest~-1', 'latest~1234567', '0'.repeat(33)])(
    'is not named by "%s"',
    (selector) => {
      expect(codeOf(() => find(selector))).toBe('SELECTOR_INVALID');
    },
  );

  it('is the latest complete one, or one before it', () => {
    expect(find('latest')).toBe('cccc');
    expect(find('latest~0')).toBe('cccc');
    expect(find('latest~2')).toBe('aaaa2');
    expect(codeOf(() => find('latest~4'))).toBe('SNAPSHOT_NOT_FOUND');
  });

  it('is the latest of a host, of paths, with tags', () => {
    expect(find('latest', { host: 'there' })).toBe('aaaa2');
    expect(find('latest~2', { host: 'here' })).toBe('aaaa1');
    expect(find('latest', { paths: [bytes('/etc')] })).toBe('cccc');
    expect(find('latest', { tags: ['kept', 'weekly'] })).toBe('bbbb');
    expect(codeOf(() => find('latest', { tags: ['kept', 'other'] }))).toBe('SNAPSHOT_NOT_FOUND');
    // An id names one whatever the filter.
    expect(find('bbbb', { host: 'there' })).toBe('bbbb');
  });

  it.each([
    ['@2026-01-02', 'aaaa2'],
    ['@2026-01-02T12:30', 'aaaa2'],
    ['@2026-01-02 12:30:15', 'aaaa2'],
    ['@2026-01-02 12:30:14', 'aaaa1'],
    ['@2026-01-02T12:29', 'aaaa1'],
    ['@2030-12-31', 'cccc'],
    [`@${new Date(2026, 0, 3, 12).getTime() / 1000}`, 'bbbb'],
    [`@${new Date(2026, 0, 3, 12).getTime() / 1000 - 1}`, 'aaaa2'],
  ])('is the last one not after %s', (selector, id) => {
    expect(find(selector)).toBe(id);
  });

  it.each([
    ['@2026-01-03T12:00:00Z', 'bbbb'],
    ['@2026-01-03T12:00:00.000Z', 'bbbb'],
    ['@2026-01-03T11:59:59.999Z', 'aaaa2'],
    ['@2026-01-03T14:00:00+02:00', 'bbbb'],
    ['@2026-01-03 13:59+0200', 'aaaa2'],
    ['@2026-01-03T07:00:00-05:00', 'bbbb'],
  ])('is the last one not after %s, as programs write it', (selector, id) => {
    const utc = snapshots.map((each, index) => ({
      ...each,
      time: Date.UTC(2026, 0, 1 + index, 12),
    }));
    expect(findSnapshot(utc, selector, {}).id.replace(/0+$/, '')).toBe(id);
  });

  it('is not there before the first', () => {
    expect(codeOf(() => find('@2025-12-31'))).toBe('SNAPSHOT_NOT_FOUND');
  });

  it.each([
    '@',
    '@2026-02-30T10:00Z',
    '@2026-01-01T10:00Q',
    '@yesterday',
    '@2026-13-01',
    '@2026-02-30',
    '@2026-01-01T25:00',
    '@2026-1-1',
  ])('is not named by the time %s', (selector) => {
    expect(codeOf(() => find(selector))).toBe('TIME_INVALID');
  });
});

describe('SNAP:PATH', () => {
  it.each([
    ['latest', 'latest', undefined],
    ['latest:/home/me', 'latest', '/home/me'],
    ['abcd:home/me', 'abcd', '/home/me'],
    ['abcd:', 'abcd', '/'],
    ['abcd:/with:colon', 'abcd', '/with:colon'],
    ['@2026-01-01T10:30', '@2026-01-01T10:30', undefined],
    ['@2026-01-01T10:30:/etc', '@2026-01-01T10:30', '/etc'],
    ['@2026-01-01T10:30:00+01:00:/etc', '@2026-01-01T10:30:00+01:00', '/etc'],
    ['@2026-01-01:/a:/b', '@2026-01-01', '/a:/b'],
  ])('%s', (text, selector, path) => {
    const parsed = parseSnapshotPath(text);
    expect(parsed.selector).toBe(selector);
    expect(parsed.path).toBe(path);
  });

  it('names paths by the bytes of their text', () => {
    expect(parseSnapshotPath('abcd:/ä').path).toBe('/\xc3\xa4');
  });

  it('without a snapshot is refused', () => {
    expect(codeOf(() => parseSnapshotPath(':/home'))).toBe('SELECTOR_INVALID');
  });
});
