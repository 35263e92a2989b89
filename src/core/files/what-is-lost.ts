import type { System } from '../base/index.ts';
import type { NativeCapabilities } from './native-calls.ts';

/** What no backup on this system saves, as one sentence to be said once a run; undefined: nothing. */
export function whatIsNotSaved(native: NativeCapabilities, system: System): string | undefined {
  return whatIsLost(
    system === 'win32'
      ? 'Owners, permissions, access lists, attributes and alternate data streams are not saved'
      : 'Extended attributes, access lists and inode flags are not saved',
    native,
  );
}

/** As `whatIsNotSaved`, of a restore. */
export function whatIsNotRestored(native: NativeCapabilities, system: System): string | undefined {
  return whatIsLost(
    system === 'win32'
      ? 'Times are rounded, and no owners, permissions, extended attributes, FIFOs and devices are restored'
      : 'Times are rounded, and no extended attributes, FIFOs and devices are restored',
    native,
  );
}

function whatIsLost(sentence: string, { missingBecause }: NativeCapabilities): string | undefined {
  return missingBecause === undefined ? undefined : `${sentence}: ${missingBecause}`;
}
