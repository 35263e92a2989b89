import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ByteString } from '../base/index.ts';

/** What a file system has left, as it says; undefined where it does not say, or has no bounds. */
export interface FreeSpace {
  readonly bytes: number | undefined;
  /** Files, directories and whatever else has a name. */
  readonly names: number | undefined;
}

/** What is left where a path lies, or would lie: nothing on the way to it needs to be there. */
export function freeSpaceAt(path: ByteString): FreeSpace {
  let at: string = path;
  for (;;) {
    try {
      const { bsize, blocks, bavail, bfree, files, ffree } = statfsSync(Buffer.from(at, 'latin1'));
      // What is kept back for root is there for root.
      const left = process.geteuid?.() === 0 ? bfree : bavail;
      return {
        bytes: blocks > 0 ? left * bsize : undefined,
        names: files > 0 ? ffree : undefined,
      };
    } catch {
      const above = dirname(at);
      if (above === at) return { bytes: undefined, names: undefined };
      at = above;
    }
  }
}
