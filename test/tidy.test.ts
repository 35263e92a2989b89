import { describe, expect, it } from 'vitest';
import { listFiles, readFiles } from './support/source-files.ts';
import { fileLinesMax, findUntidy, functionLinesMax, functionsToSplit } from './support/tidy.ts';

describe('the repository', () => {
  it('is tidy', () => {
    expect(readFiles(listFiles()).flatMap(findUntidy)).toEqual([]);
  });

  it('waits for no function to be split', () => {
    expect(functionsToSplit).toEqual([]);
  });
});

describe('something untidy is found', () => {
  const line = 'run();\n';
  // What must not stand in this file either is put together from pieces.
  const glue = (...pieces: string[]): string => pieces.join('');

  it.each([
    ['a name not in kebab-case', 'src/core/base/byteString.ts', ''],
    ['a folder not in kebab-case', 'src/core/Base/bytes.ts', ''],
    ['a long file', 'src/a.ts', line.repeat(fileLinesMax + 1)],
    ['a long function', 'src/a.ts', `function f() {\n${line.repeat(functionLinesMax)}}`],
    ['a long arrow function', 'src/a.ts', `const f = () => {\n${line.repeat(functionLinesMax)}};`],
    ['a long method', 'src/a.ts', `class A {\nf() {\n${line.repeat(functionLinesMax)}}\n}`],
    ['a note', 'src/a.ts', glue('// TO', 'DO: write this')],
    ['a lonely test', 'src/a.test.ts', glue('it.on', "ly('x', () => {});")],
    ['a breakpoint', 'src/a.ts', glue('debug', 'ger;')],
    ['two titles', 'docs/a.md', '# One\n\n# Two\n'],
    ['no title', 'docs/a.md', 'Text\n'],
    ['a path of a machine', 'docs/a.md', glue('# One\n\nSee /wo', 'rk/main\n')],
    ['a registry', 'package-lock.json', glue('"resol', 'ved": "https://example.org/a.tgz"')],
  ])('%s', (_what, path, text) => {
    expect(findUntidy({ path, text })).toHaveLength(1);
  });

  it('and what is tidy is not', () => {
    const files = [
      { path: 'src/a.ts', text: line.repeat(fileLinesMax) },
      { path: 'src/b.ts', text: `function f() {\n${line.repeat(functionLinesMax - 2)}}` },
      { path: 'src/b.test.ts', text: `describe('x', () => {\n${line.repeat(100)}});` },
      { path: 'docs/a.md', text: '# One\n\n```sh\n# a comment\n```\n' },
      { path: '.ci/run', text: '' },
      { path: 'README.md', text: '# One\n' },
    ];
    expect(files.flatMap(findUntidy)).toEqual([]);
  });
});
