import { describe, expect, it } from 'vitest';
import { isTestFile, listFiles, readFiles, withoutComments } from './support/source-files.ts';

/** A code of an error: words in capitals joined by underscores, or one of the codes of one word. */
const codePattern = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|USAGE|CANCELLED|STOPPED|UNEXPECTED)'/g;
/** Variables of the environment, codes of Node's own, and words of the AWS libraries. */
const notCodes =
  /^(VERSIONS|XDG|ERR|EAI)_|^(KEYS_ONLY|PAY_PER_REQUEST|UPDATED_NEW|WHEN_REQUIRED|STANDARD_IA|GLACIER_IR)$/;
/** Where kind and code stand beside each other, they can be compared with the page. */
const kindAndCode = /'([A-Z][a-z]+)',\s*'([A-Z][A-Z0-9_]+)'/g;
const row = /^\| `([A-Z0-9_]+)` \| ([A-Za-z, ]+) \| (\S.*) \| (\S.*) \|$/gm;

const sources = readFiles(listFiles('src').filter((path) => !isTestFile(path))).map(({ text }) =>
  withoutComments(text),
);
const [page] = readFiles(['docs/errors.md']);
const entries = [...(page?.text ?? '').matchAll(row)].map(([, code = '', kinds = '']) => ({
  code,
  kinds: kinds.split(', '),
}));
const documented = entries.map(({ code }) => code).sort();

function codesIn(text: string): string[] {
  return [...text.matchAll(codePattern)]
    .map(([, code = '']) => code)
    .filter((code) => !notCodes.test(code));
}

describe('docs/errors.md', () => {
  it('lists every code of the program, once, and no other', () => {
    expect(documented).toEqual([...new Set(sources.flatMap(codesIn))].sort());
  });

  it('names the kinds with which a code is made', () => {
    const known = new Map(entries.map(({ code, kinds }) => [code, kinds]));
    const pairs = sources.flatMap((text) => [...text.matchAll(kindAndCode)]);
    const made = pairs.map(([, kind = '', code = '']) => ({ kind, code }));
    expect(made.length).toBeGreaterThan(50);
    expect(made.filter(({ kind, code }) => known.get(code)?.includes(kind) !== true)).toEqual([]);
  });

  it('is compared with codes wherever they stand', () => {
    const text = "new VersionsError('Usage', 'NO_TARGET', `x`); { code: 'USAGE' } env['XDG_HOME']";
    expect(codesIn(text)).toEqual(['NO_TARGET', 'USAGE']);
  });
});
