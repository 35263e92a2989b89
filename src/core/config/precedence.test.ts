import { expect, it } from 'vitest';
import { resolveSetting, type SettingLayer } from './precedence.ts';

const layers: readonly SettingLayer[] = [
  { origin: 'flag', values: new Map([['exclude', ['a', 'b']]]) },
  { origin: 'environment', values: new Map<string, string>([['host', 'e']]) },
  {
    origin: 'file',
    values: new Map<string, string | string[]>([
      ['host', 'f'],
      ['exclude', ['b', 'c']],
    ]),
  },
];

it('takes the strongest layer that has the setting', () => {
  expect(resolveSetting({ name: 'host', kind: 'text' }, layers)).toEqual({
    value: 'e',
    origins: ['environment'],
  });
});

it('takes lists that add up from all layers, each element once', () => {
  expect(resolveSetting({ name: 'exclude', kind: 'list', adds: true }, layers)).toEqual({
    value: ['a', 'b', 'c'],
    origins: ['flag', 'file'],
  });
  expect(resolveSetting({ name: 'exclude', kind: 'list' }, layers).value).toEqual(['a', 'b']);
});

it('says when nothing was set', () => {
  expect(resolveSetting({ name: 'tag', kind: 'list', adds: true }, layers)).toEqual({
    value: undefined,
    origins: [],
  });
});
