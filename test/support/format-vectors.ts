import { readFileSync } from 'node:fs';

const page = new URL('../../docs/format.md', import.meta.url);

/** The values that docs/format.md section 14 gives, by name. */
export function readFormatVectors(): ReadonlyMap<string, string> {
  return readBlock(/## 14\.[^]*?```text\n([^]*?)```/);
}

/** What readers must refuse, as docs/format.md section 15 gives it, by what is wrong with it. */
export function readFormatRefusals(): ReadonlyMap<string, string> {
  return readBlock(/## 15\.[^]*?```text\n([^]*?)```/);
}

function readBlock(pattern: RegExp): ReadonlyMap<string, string> {
  const text = readFileSync(page, 'utf8');
  const block = pattern.exec(text)?.[1] ?? '';
  const read = new Map<string, string>();
  let name = '';
  for (const line of block.split('\n').filter((part) => part !== '')) {
    if (line.startsWith('  ')) read.set(name, `${read.get(name) ?? ''}${line.slice(2)}`);
    else name = line;
  }
  return read;
}
