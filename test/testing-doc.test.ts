import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readFiles } from './support/source-files.ts';

const [page] = readFiles(['docs/testing.md']);
/** `| what is promised | `file` | its words; other words |` */
const row = /^\| (\S[^|]*) \| `([^`|]+\.(?:ts|py|sh))` \| (\S[^|]*) \|$/gm;
const proofs = [
  ...((page?.text ?? '').split('\n## What is promised', 2)[1]?.matchAll(row) ?? []),
].map(([, promise = '', file = '', words = '']) => ({
  promise,
  file,
  words: words.split('; '),
}));

it('docs/testing.md names a test that is there for each promise', () => {
  expect(proofs.length).toBeGreaterThan(40);
  const wrong = proofs.flatMap(({ promise, file, words }) => {
    const [text] = existsSync(file) ? readFiles([file]) : [];
    return words
      .filter((each) => text?.text.includes(each) !== true)
      .map((each) => [promise, each]);
  });
  expect(wrong).toEqual([]);
});
