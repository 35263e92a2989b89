import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from 'node:fs';
import { displayPath, fsPath, type ByteString } from '../base/index.ts';
import { systemErrorCode, VersionsError } from '../errors/index.ts';
import { descriptorPath, hasDescriptorPaths, openPathOnly, reach } from './long-path.ts';
import { replacedError, sourceError } from './source-error.ts';

const base = constants.O_RDONLY | constants.O_NOFOLLOW;
/** Opening a FIFO that took a file's place returns at once instead of waiting for a writer. */
const waitless = constants.O_NONBLOCK;
// Linux only; elsewhere undefined, which the types do not say, and which `|` takes as 0.
const keepAtime: number = constants.O_NOATIME;

/**
 * Opens a regular file for reading and gives its descriptor; the caller closes it. Symlinks are
 * not followed, the access time is left alone where that is permitted, and whatever took the
 * file's place meanwhile (a FIFO, a device, a directory) is refused with `SOURCE_REPLACED`.
 * `at`: what leads there, if `path` is for messages only.
 */
export function openForReading(path: ByteString, at: ByteString = path): number {
  try {
    return reach(at, (reachable) => {
      const fd = openGently(reachable);
      if (fstatSync(fd).isFile()) return fd;
      closeSync(fd);
      throw replacedError(path);
    });
  } catch (error) {
    // ENXIO: a socket took the place.
    if (systemErrorCode(error) === 'ENXIO') throw replacedError(path);
    throw sourceError(error, path, 'open');
  }
}

function openGently(reachable: string | Buffer): number {
  try {
    return openSync(reachable, base | waitless | keepAtime);
  } catch (error) {
    switch (systemErrorCode(error)) {
      case 'EPERM':
        // Only the owner and root may leave the access time alone.
        return openSync(reachable, base | waitless);
      case 'EAGAIN':
        return openLeased(reachable, error);
      default:
        throw error;
    }
  }
}

/** Another process holds a lease (Samba does): only an open that may wait makes it give way. */
function openLeased(reachable: string | Buffer, error: unknown): number {
  if (!hasDescriptorPaths()) throw error;
  const handle = openSync(reachable, openPathOnly | constants.O_NOFOLLOW);
  try {
    // What may wait must be the very file that was looked at, not what stands there by then.
    if (!fstatSync(handle).isFile()) throw error;
    return openSync(fsPath(descriptorPath(handle)), constants.O_RDONLY);
  } finally {
    closeSync(handle);
  }
}

/** The target of a symlink, as bytes; `at` as in `openForReading`. */
export function readlink(path: ByteString, at: ByteString = path): ByteString {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- latin1 gives one character a byte
    return reach(at, (reachable) => readlinkSync(reachable, 'latin1')) as ByteString;
  } catch (error) {
    if (systemErrorCode(error) === 'EINVAL') throw replacedError(path);
    throw sourceError(error, path, 'read the target of');
  }
}

/** The first `bytesMax` bytes of a regular file, opened as by `openForReading`. */
export function readBeginning(path: ByteString, bytesMax: number): Buffer {
  const fd = openForReading(path);
  try {
    const bytes = Buffer.alloc(bytesMax);
    let filled = 0;
    while (filled < bytesMax) {
      const count = readSync(fd, bytes, filled, bytesMax - filled, null);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  } catch (error) {
    throw sourceError(error, path, 'read');
  } finally {
    closeSync(fd);
  }
}

/** Reads a whole small file; one that is larger than `bytesMax` is refused. */
export function readSmallFile(path: ByteString, bytesMax: number): Buffer {
  const bytes = readBeginning(path, bytesMax + 1);
  if (bytes.length <= bytesMax) return bytes;
  throw new VersionsError(
    'Source',
    'SOURCE_TOO_LARGE',
    `${displayPath(path)} has more than ${bytesMax} bytes`,
  );
}
