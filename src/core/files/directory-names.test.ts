import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytes, TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import type { ByteString } from '../base/index.ts';
import { listedNames, readNames, type DirectoryNames } from './directory-names.ts';
import { joinPath } from './long-path.ts';

const large = 1024 * 1024;

function all(names: DirectoryNames): ByteString[] {
  const found: ByteString[] = [];
  for (let name = names.next(); name !== undefined; name = names.next()) found.push(name);
  return found;
}

describe('the names of a directory', () => {
  let directory: TemporaryDirectory;
  const expected: ByteString[] = [];

  beforeAll(() => {
    directory = new TemporaryDirectory();
    for (let byte = 1; byte < 256; byte++) {
      if (byte === 0x2f) continue;
      const character = String.fromCharCode(byte);
      if (byte !== 0x2e) expected.push(bytes(character));
      expected.push(bytes(character.repeat(byte)), bytes(`a${character}b`));
    }
    expected.sort();
    for (const name of expected) {
      writeFileSync(Buffer.from(joinPath(directory.root, name), 'latin1'), '');
    }
  });
  afterAll(() => directory.remove());

  it.each([
    ['in one go', 0, 65_536],
    ['in one run', large, 65_536],
    ['in many runs', large, 50],
    ['in runs that come out even', large, 1],
  ])('are all there, as bytes, in order, %s', (_how, sizeBytes, runNamesMax) => {
    const found = all(readNames(directory.root, sizeBytes, [], runNamesMax));
    expect(found).toEqual([...new Set(expected)]);
  });

  it.each([
    [0, 65_536],
    [large, 50],
  ])('answer for the names that were asked after', (sizeBytes, runNamesMax) => {
    const asked = [bytes('a\xffb'), bytes('none')];
    const names = readNames(directory.root, sizeBytes, asked, runNamesMax);
    expect(asked.map((name) => names.has(name))).toEqual([true, false]);
  });

  it('come once even if the system gives them twice', () => {
    expect(all(listedNames([bytes('b'), bytes('a'), bytes('b')]))).toEqual(['a', 'b']);
  });

  it('of something that is no directory or gone', () => {
    expect(() => readNames(directory.path('none'), 0)).toThrow(
      expect.objectContaining({ code: 'SOURCE_VANISHED' }),
    );
    expect(() => readNames(directory.path('aab'), large)).toThrow(
      expect.objectContaining({ code: 'SOURCE_VANISHED' }),
    );
  });
});
