import { describe, expect, it } from 'vitest';
import { byteStringFromText } from '../../core/index.ts';
import { localPath } from './local-path.ts';

describe('localPath', () => {
  it.each([
    ['C:\\Users\\ann', '/C/Users/ann'],
    ['d:\\a\\..\\b\\', '/D/b'],
    ['C:\\..\\..\\x', '/C/x'],
    ['C:\\grüße', '/C/grüße'],
  ])('takes %j on Windows for %j', (path, expected) => {
    expect(localPath(path, 'win32')).toBe(byteStringFromText(expected));
  });

  it.each(['\\\\server\\share\\x', 'C:x', 'x', '\\\\.\\NUL', '\\x'])('refuses %j there', (path) => {
    const refusal = expect.objectContaining({ kind: 'Usage', code: 'PATH_ON_NO_DRIVE' });
    expect(() => localPath(path, 'win32')).toThrow(refusal);
  });

  it('leaves every path as it is elsewhere', () => {
    for (const path of ['/C/x', '/a\\b', '/C:\\x'])
      for (const system of ['linux', 'darwin', 'other'] as const)
        expect(localPath(path, system)).toBe(path);
  });
});
