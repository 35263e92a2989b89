import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderCliPage } from '../../scripts/docs-cli.ts';
import { commandTable } from '../../src/cli/options/command-table.ts';

const docs = (name: string): string =>
  readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

it('docs/cli.md is what `npm run docs:cli` writes now', () => {
  expect(docs('cli.md')).toBe(renderCliPage());
});

describe('docs/json-output.md', () => {
  const page = docs('json-output.md');

  it.each(commandTable.map(({ name }) => name))('says what %s prints', (name) => {
    const [first = ''] = name.split(' ');
    expect(page).toMatch(new RegExp(`^### .*\\b${first}\\b`, 'm'));
  });

  it.each([
    'summary',
    'note',
    'problem',
    'status',
    'item',
    'entry',
    'snapshot',
    'finding',
    'mirror',
    'setting',
    'exit_error',
  ])('names the type %s', (type) => {
    expect(page).toMatch(new RegExp(`\`${type}\`|"${type}"`));
  });
});
