import { describe, expect, it } from 'vitest';
import { byteStringFromText as bytes, type ByteString } from '../base/index.ts';
import { NameAliases, type NamesInDirectory } from './name-alias.ts';

type Fold = (text: string) => string;

/** A directory that takes names for one as `fold` says, and counts what it is asked. */
class FoldingDirectory implements NamesInDirectory {
  readonly #names = new Map<string, { readonly name: string; readonly ino: bigint }>();
  readonly #fold: Fold;
  asked = 0;
  listed = 0;

  constructor(fold: Fold, names: Readonly<Record<string, bigint>>) {
    this.#fold = fold;
    for (const [name, ino] of Object.entries(names)) {
      const folded = fold(name);
      if (!this.#names.has(folded)) this.#names.set(folded, { name, ino });
    }
  }

  identity(name: ByteString): { readonly dev: bigint; readonly ino: bigint } | undefined {
    this.asked += 1;
    const found = this.#names.get(this.#fold(Buffer.from(name, 'latin1').toString()));
    return found && { dev: 1n, ino: found.ino };
  }

  list(): readonly ByteString[] {
    this.listed += 1;
    return [...this.#names.values()].map(({ name }) => bytes(name));
  }
}

const apart: Fold = (text) => text;
const caseless: Fold = (text) => text.toLowerCase();
const formless: Fold = (text) => text.normalize('NFD');
const apfs: Fold = (text) => text.normalize('NFD').toLowerCase();
const where = bytes('photos');

function aliasOf(name: string, directory: FoldingDirectory, aliases = new NameAliases()): unknown {
  const own = directory.identity(bytes(name));
  return own && aliases.of(where, bytes(name), own, directory);
}

describe('NameAliases', () => {
  it.each([
    ['readme', caseless, 'README'],
    ['README', caseless, 'Readme'],
    ['caf\u00e9', formless, 'cafe\u0301'],
    ['cafe\u0301', formless, 'caf\u00e9'],
    ['CAFE\u0301', apfs, 'caf\u00e9'],
    ['ÄRGER.txt', apfs, 'Ärger.txt'],
  ])('finds that %j leads to another name', (name, fold, kept) => {
    expect(aliasOf(name, new FoldingDirectory(fold, { [kept]: 7n }))).toBe(bytes(kept));
  });

  it.each([
    ['readme', apart, { readme: 1n }],
    ['readme', apart, { readme: 1n, README: 2n }],
    ['Readme', caseless, { Readme: 1n }],
    ['caf\u00e9', apfs, { 'caf\u00e9': 1n }],
    ['123', caseless, { '123': 1n }],
  ])('takes %j for itself', (name, fold, names) => {
    expect(aliasOf(name, new FoldingDirectory(fold, names))).toBeUndefined();
  });

  it('takes hard links for two names', () => {
    expect(aliasOf('a', new FoldingDirectory(apart, { a: 1n, A: 1n }))).toBeUndefined();
  });

  it('works where a file system gives no inode numbers', () => {
    expect(aliasOf('a', new FoldingDirectory(caseless, { A: 0n }))).toBe('A');
    expect(aliasOf('a', new FoldingDirectory(apart, { a: 0n, A: 0n }))).toBeUndefined();
  });

  it('draws no conclusion from letters that not every file system knows in both cases', () => {
    const aliases = new NameAliases();
    const directory = new FoldingDirectory(caseless, { ß: 1n, README: 2n });
    expect(aliasOf('ß', directory, aliases)).toBeUndefined();
    expect(aliasOf('readme', directory, aliases)).toBe('README');
  });

  it('asks a directory once what it tells apart, and each anew', () => {
    const aliases = new NameAliases();
    const directory = new FoldingDirectory(apart, { a: 1n, b: 2n, c: 3n });
    for (const name of ['a', 'b', 'c']) aliasOf(name, directory, aliases);
    expect(directory).toMatchObject({ asked: 3 + 1, listed: 0 });
    const other = new FoldingDirectory(caseless, { A: 1n });
    const own = other.identity(bytes('a')) ?? { dev: 0n, ino: 0n };
    expect(aliases.of(bytes('music'), bytes('a'), own, other)).toBe('A');
  });
});
