import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';

/** One entry below a directory. Names are bytes: they need not be text. */
export interface Entry {
  /** Below the directory that was walked; empty for that itself. */
  readonly path: Buffer;
  readonly stats: BigIntStats;
}

const separator = Buffer.from('/');

/** The path of something in a directory. */
export function joinBytes(directory: Buffer, name: Buffer): Buffer {
  return directory.length === 0 ? name : Buffer.concat([directory, separator, name]);
}

/** The directory and everything below it; a directory comes before what is in it. */
export function* walk(root: string): Generator<Entry> {
  const rootBytes = Buffer.from(root);
  const waiting: Buffer[] = [Buffer.alloc(0)];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const absolute = path.length === 0 ? rootBytes : joinBytes(rootBytes, path);
    const stats = lstatSync(absolute, { bigint: true });
    yield { path, stats };
    if (!stats.isDirectory()) continue;
    for (const name of readdirSync(absolute, { encoding: 'buffer' })) {
      waiting.push(joinBytes(path, name));
    }
  }
}
