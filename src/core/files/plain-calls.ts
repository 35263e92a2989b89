import { lstatSync, lutimesSync, statSync, utimesSync } from 'node:fs';
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
    listXattrsOfFd: () => [],
    getXattr: () => undefined,
    getXattrOfFd: () => undefined,
    setXattr: unsupported,
    removeXattr: unsupported,
    setMtime(path, { mtimeSeconds, mtimeNanos }, follow) {
      const { atimeMs } = follow ? statSync(path) : lstatSync(path);
      // As text, because Node takes negative numbers for "now".
      const mtime = String(mtimeSeconds + mtimeNanos / 1e9);
      (follow ? utimesSync : lutimesSync)(path, String(atimeMs / 1000), mtime);
    },
    makeNode: unsupported,
    inodeFlags: () => undefined,
    setInodeFlags: unsupported,
  };
}

function unsupported(): never {
  throw Object.assign(new Error('ENOSYS: function not implemented'), { code: 'ENOSYS' });
}
