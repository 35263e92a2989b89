import { describe, expect, it } from 'vitest';
import { testMirrorId, testRepository } from '../../../test/support/test-mirrors.ts';
import { decodeWork, encodeWork, type WorkMessage } from './work-message.ts';

const object = `packs/ab/ab${'c'.repeat(62)}`;
const message: WorkMessage = {
  repository: testRepository,
  mirror: testMirrorId(1),
  copies: [
    { object, bytes: 7 },
    { object: 'config', bytes: 0 },
  ],
};

describe('a message', () => {
  it('comes out as it went in', () => {
    expect(decodeWork(encodeWork(message))).toEqual(message);
  });

  const changed = (change: object): string =>
    JSON.stringify({ ...(JSON.parse(encodeWork(message)) as object), ...change });
  it.each([
    ['no JSON', '{', 'WORK_INVALID'],
    ['nothing', 'null', 'WORK_INVALID'],
    ['a list', '[]', 'WORK_INVALID'],
    ['no version', changed({ version: undefined }), 'WORK_INVALID'],
    ['a newer version', changed({ version: 2 }), 'WORK_TOO_NEW'],
    ['no repository', changed({ repository: 'x' }), 'WORK_INVALID'],
    ['no mirror', changed({ mirror: 7 }), 'WORK_INVALID'],
    ['no copies', changed({ copies: [] }), 'WORK_INVALID'],
    [
      'too many copies',
      changed({ copies: Array.from({ length: 21 }, () => [object, 1]) }),
      'WORK_INVALID',
    ],
    ['a way out', changed({ copies: [['packs/../../etc/passwd', 1]] }), 'WORK_INVALID'],
    ['another object', changed({ copies: [[`packs/00/ab${'c'.repeat(62)}`, 1]] }), 'WORK_INVALID'],
    ['a size that is none', changed({ copies: [[object, -1]] }), 'WORK_INVALID'],
    ['a huge one', changed({ x: 'x'.repeat(70_000) }), 'WORK_INVALID'],
  ])('is refused: %s', (_what, text, code) => {
    expect(() => decodeWork(text)).toThrow(expect.objectContaining({ code }) as Error);
  });
});
