import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { replaceFileSync } from './replace-file.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'versions-replace-'));
});
afterEach(() => rmSync(root, { recursive: true }));

it('replaces what is there, for nobody else to read', () => {
  const path = join(root, 'file');
  replaceFileSync(path, 'old');
  replaceFileSync(path, Buffer.from('new'), { flush: true });
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(root)).toEqual(['file']);
});

it('leaves nothing behind where it fails', () => {
  mkdirSync(join(root, 'directory', 'full'), { recursive: true });
  expect(() => replaceFileSync(join(root, 'directory'), 'new')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(root)).toEqual(['directory']);
});
