import {
  fstatSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  statSync,
  utimesSync,
  type Stats,
} from 'node:fs';
import type { NativeCalls } from './native-calls.ts';

/** What can be done with `node:fs` alone. */
export function plainCalls(missingBecause: string): NativeCalls {
  return {
    capabilities: {
      exactTimes: false,
      xattrs: false,
      specialFiles: false,
      inodeFlags: false,
      missingBecause,
    },
    listXattrs: () => [],
    getXattr: () => undefined,
    setXattr: unsupported,
    removeXattr: unsupported,
    setMtime(place, { mtimeSeconds, mtimeNanos }, follow) {
      // As text, because Node takes negative numbers for "now".
      const mtime = String(mtimeSeconds + mtimeNanos / 1e9);
      const atimeOf = ({ atimeMs }: Stats): string => String(atimeMs / 1000);
      if (typeof place === 'number') futimesSync(place, atimeOf(fstatSync(place)), mtime);
      else if (follow) utimesSync(place, atimeOf(statSync(place)), mtime);
      else lutimesSync(place, atimeOf(lstatSync(place)), mtime);
    },
    makeNode: unsupported,
    inodeFlags: () => undefined,
    setInodeFlags: unsupported,
    lstatIn: () => undefined,
    namesIn: () => undefined,
    statOpen: () => undefined,
  };
}

function unsupported(): never {
  throw Object.assign(new Error('ENOSYS: function not implemented'), { code: 'ENOSYS' });
}
