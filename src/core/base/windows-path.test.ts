import { describe, expect, it } from 'vitest';
import { snapshotPathOfWindows, windowsPathOf } from './windows-path.ts';

describe('snapshotPathOfWindows', () => {
  it.each([
    ['C:\\Users\\ann', '/C/Users/ann'],
    ['c:\\Users\\ann\\', '/C/Users/ann'],
    ['C:/Users//ann', '/C/Users/ann'],
    ['C:\\', '/C'],
    ['D:', '/D'],
    ['\\\\?\\E:\\long\\path', '/E/long/path'],
    ['C:\\a\nb', '/C/a\nb'],
    ['C:\\grüße', '/C/grüße'],
  ])('%j is %j', (path, expected) => {
    expect(snapshotPathOfWindows(path)).toBe(expected);
  });

  it.each([
    'C:x',
    'C:..\\x',
    'x',
    '\\x',
    '/x',
    '..\\x',
    '\\\\server\\share\\x',
    '//server/share',
    '\\\\?\\UNC\\server\\share',
    '\\\\.\\NUL',
    '\\\\?\\Volume{b75e2c83-0000-0000-0000-602f00000000}\\x',
    '1:\\x',
    'CC:\\x',
    '',
  ])('%j has no place in a snapshot', (path) => {
    expect(snapshotPathOfWindows(path)).toBeUndefined();
  });
});

describe('windowsPathOf', () => {
  it.each([
    ['/C', '\\\\?\\C:\\'],
    ['/C/', '\\\\?\\C:\\'],
    ['/c/Users/ann', '\\\\?\\C:\\Users\\ann'],
    ['/C/NUL', '\\\\?\\C:\\NUL'],
    ['/', '/'],
    ['/Cx/y', '/Cx/y'],
    ['x/C', 'x/C'],
  ])('%j is %j', (path, expected) => {
    expect(windowsPathOf(path)).toBe(expected);
  });

  it('leads back', () => {
    for (const path of ['C:\\', 'C:\\a', 'D:\\a b\\c.', 'Z:\\ä\\\ud800'])
      expect(windowsPathOf(snapshotPathOfWindows(path) ?? '')).toBe(`\\\\?\\${path}`);
  });
});
