import { existsSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { SpoolFile } from './spool-file.ts';

let directory: TemporaryDirectory;
let path: string;
beforeEach(() => {
  directory = new TemporaryDirectory();
  path = directory.text('spool');
});
afterEach(() => directory.remove());

const record = (index: number): Buffer => Buffer.alloc((index * 7919) % 5000, index % 251);

describe('SpoolFile', () => {
  it('touches no disk while it is short', () => {
    const spool = new SpoolFile(path);
    spool.append(Buffer.from('a'));
    spool.append(Buffer.alloc(0));
    expect(spool.pendingCount).toBe(2);
    expect(spool.next()?.toString()).toBe('a');
    expect(spool.next()).toHaveLength(0);
    expect(spool.next()).toBeUndefined();
    expect(existsSync(path)).toBe(false);
    spool.remove();
  });

  it.each([1, 3, 1000])('gives all back in order, read after every %i', (every) => {
    const spool = new SpoolFile(path);
    const count = 1000;
    let read = 0;
    const check = (): boolean => {
      const got = spool.next();
      if (got === undefined) return false;
      if (!got.equals(record(read))) throw new Error(`Record ${read} differs`);
      read += 1;
      return true;
    };
    for (let index = 0; index < count; index++) {
      spool.append(record(index));
      if (index % every === every - 1) check();
    }
    expect(statSync(path).size).toBeGreaterThan(1024 * 1024);
    while (check());
    expect(read).toBe(count);
    spool.remove();
    expect(existsSync(path)).toBe(false);
  });

  it('takes a record larger than its buffers', () => {
    const spool = new SpoolFile(path);
    const large = Buffer.alloc(1_000_000, 3);
    spool.append(Buffer.from('before'));
    spool.append(large);
    spool.append(Buffer.from('after'));
    expect(spool.next()?.toString()).toBe('before');
    expect(spool.next()?.equals(large)).toBe(true);
    expect(spool.next()?.toString()).toBe('after');
    spool.remove();
  });
});
