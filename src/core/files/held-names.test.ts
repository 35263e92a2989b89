import { describe, expect, it } from 'vitest';
import { byteStringFromText, byteStringOf } from '../base/index.ts';
import { textOfWtf8, whyNotHeld } from './held-names.ts';

const named = byteStringFromText;
const raw = (hex: string): ReturnType<typeof byteStringOf> => byteStringOf(Buffer.from(hex, 'hex'));

describe('whyNotHeld', () => {
  it.each([
    ['CON', /device/],
    ['con', /device/],
    ['Aux.txt', /device/],
    ['NUL', /device/],
    ['nul.tar.gz', /device/],
    ['PRN .txt', /device/],
    ['COM1', /device/],
    ['lpt9.log', /device/],
    ['COM¹', /device/],
    ['CONIN$', /device/],
    ['a:b', /":"/],
    ['C:x', /":"/],
    ['..\\x', /"\\\\"/],
    ['a*b', /"\*"/],
    ['what?', /"\?"/],
    ['a<b', /"<"/],
    ['"x"', /"\\""/],
    ['a|b', /"\|"/],
    ['line\nbreak', /"\\n"/],
    ['\u0001', /\\u0001/],
    ['file.', /dot or space/],
    ['file ', /dot or space/],
    ['...', /dot or space/],
    [' ', /dot or space/],
    ['x'.repeat(256), /255/],
    ['ä'.repeat(256), /255/],
    ['🙂'.repeat(128), /255/],
  ])('refuses %j on Windows', (name, why) => {
    expect(whyNotHeld(named(name), 'win32')).toMatch(why);
  });

  it.each([
    'file.txt',
    'CONSOLE',
    'COM10',
    'COM',
    'nulls',
    'a.con',
    '.git',
    ' x',
    'ä'.repeat(255),
    '🙂'.repeat(127),
    "it's (1) [2] {3} #4 %5 &6 ~7 ;8",
  ])('takes %j on Windows', (name) => {
    expect(whyNotHeld(named(name), 'win32')).toBeUndefined();
  });

  it('takes half a surrogate pair on Windows, from where it came, and not on macOS', () => {
    const half = raw('61eda080');
    expect(textOfWtf8(half)).toBe('a\ud800');
    expect(whyNotHeld(half, 'win32')).toBeUndefined();
    expect(whyNotHeld(half, 'darwin')).toMatch('UTF-8');
    expect(textOfWtf8(raw('edb08061eda080'))).toBe('\udc00a\ud800');
  });

  it.each(['ff', '80', 'c3', 'eda0', 'eda080edb080', '61ff62'])('refuses the bytes %s', (hex) => {
    for (const system of ['win32', 'darwin'] as const)
      expect(whyNotHeld(raw(hex), system)).toMatch('UTF-8');
    expect(whyNotHeld(raw(hex), 'linux')).toBeUndefined();
  });

  it('takes what macOS takes', () => {
    for (const name of ['CON', 'a:b', 'file.', 'cafe\u0301', 'caf\u00e9', '..\\x', 'line\nbreak'])
      expect(whyNotHeld(named(name), 'darwin')).toBeUndefined();
    expect(whyNotHeld(named('x'.repeat(256)), 'darwin')).toMatch('255');
  });
});
