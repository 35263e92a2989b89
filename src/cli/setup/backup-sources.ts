import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { posix, resolve } from 'node:path';
import {
  type ByteString,
  byteStringFromText,
  byteStringOf,
  displayPath,
  systemErrorCode,
  VersionsError,
} from '../../core/index.ts';
import { safeText } from '../output/safe-text.ts';
import type { Session } from '../session.ts';
import { localPath } from './local-path.ts';
import { isWithin, type OwnPlace } from './own-places.ts';

const listBytesMax = 1024 * 1024 * 1024;

/** The absolute paths to save: operands and `--files-from`, else the configuration's `paths`. */
export async function sourcePaths(session: Session): Promise<ByteString[]> {
  const { io, operands, settings } = session;
  const paths: ByteString[] = [];
  for (const operand of operands) {
    if (operand === '') throw emptyPath();
    const path = await withoutLink(operand, resolve(io.directory, operand));
    await refuseMangledName(path);
    paths.push(localPath(path));
    await noteLink(session, path);
  }
  for (const file of settings.list('files-from')) {
    paths.push(...(await readPathList(session, file)));
  }
  const isGiven = operands.length > 0 || settings.list('files-from').length > 0;
  if (!isGiven) paths.push(...settings.list('paths').map((path) => localPath(path)));
  if (paths.length === 0) {
    throw new VersionsError('Usage', 'NOTHING_TO_SAVE', 'No PATH was given to save', {
      hint: isGiven
        ? 'the lists of --files-from are empty'
        : 'name one: versions backup PATH; or set paths = ["…"] in the configuration',
    });
  }
  return [...new Set(paths)];
}

/** Patterns of `--exclude` and of the files of `--exclude-file`. */
export async function excludePatterns(session: Session): Promise<string[]> {
  const patterns = [...session.settings.list('exclude')];
  for (const file of session.settings.list('exclude-file')) {
    const text = (await readListed(session, file, '--exclude-file')).toString('utf8');
    const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
    patterns.push(...lines.filter((line) => line.trim() !== '' && !line.startsWith('#')));
  }
  return patterns;
}

/** Throws `Usage` if something to save belongs to the program itself. */
export function refuseOwnPlaces(paths: readonly ByteString[], places: readonly OwnPlace[]): void {
  for (const path of paths) {
    const own = places.find((place) => isWithin(path, byteStringFromText(place.path)));
    if (own === undefined) continue;
    throw new VersionsError(
      'Usage',
      'PATH_IS_OWN',
      `${displayPath(path)} is ${own.path === path ? '' : 'in '}${own.what}, which is never saved`,
      { hint: 'name other paths; a mirror is copied by adding another mirror' },
    );
  }
}

/** What `"$DIR"` becomes where DIR is not set: taken for the working directory, it would save the wrong things. */
function emptyPath(): VersionsError {
  return new VersionsError('Usage', 'USAGE', 'A PATH to save is empty', {
    hint: 'is a variable not set? "." is the directory that you are in',
  });
}

/** `LINK/` and `LINK/.` mean the directory, as for every other program. */
async function withoutLink(operand: string, path: string): Promise<string> {
  if (!/\/\.?$/.test(operand)) return path;
  try {
    return (await stat(path)).isDirectory() ? await realpath(path) : path;
  } catch {
    return path;
  }
}

/** A link is saved as what it is. Whoever names one may have meant what it leads to. */
async function noteLink({ output }: Session, path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isSymbolicLink()) return;
    const shown = safeText(path);
    const isDirectory = (await stat(path)).isDirectory();
    const other = isDirectory ? `${shown}/` : safeText(await realpath(path));
    output.note(`${shown} is a symbolic link and saved as one; to save what it leads to: ${other}`);
  } catch {
    // What is missing is told by the scan.
  }
}

/** Node hands over arguments as text; bytes that were none have become U+FFFD. */
async function refuseMangledName(path: string): Promise<void> {
  if (!path.includes('\ufffd')) return;
  try {
    await lstat(path);
  } catch {
    throw new VersionsError(
      'Usage',
      'NAME_NOT_UTF8',
      `The name ${JSON.stringify(path)} is not UTF-8 and does not come through as an argument`,
      { hint: 'write it into a file and give that with --files-from FILE' },
    );
  }
}

async function readPathList(session: Session, file: string): Promise<ByteString[]> {
  const bytes = byteStringOf(await readListed(session, file, '--files-from'));
  const separator = bytes.includes('\0') ? '\0' : '\n';
  const directory = byteStringFromText(session.io.directory);
  return bytes
    .split(separator)
    .map((line) => (separator === '\n' ? line.replace(/\r$/, '') : line))
    .filter((line) => line !== '')
    .map((line) => absolute(directory, line));
}

/** Byte strings hold one character for each byte, so that rules for `/` and `.` hold as they are. */
function absolute(directory: ByteString, path: string): ByteString {
  return byteStringOf(Buffer.from(posix.resolve(directory, path), 'latin1'));
}

async function readListed({ io }: Session, file: string, flag: string): Promise<Buffer> {
  try {
    if (file !== '-') return await readFile(file);
    const parts: Buffer[] = [];
    let length = 0;
    for await (const part of io.stdin) {
      parts.push(Buffer.from(part));
      length += parts.at(-1)?.length ?? 0;
      if (length > listBytesMax) break;
    }
    return Buffer.concat(parts);
  } catch (error) {
    throw new VersionsError(
      'Usage',
      'LIST_UNREADABLE',
      `The file ${file} of ${flag} cannot be read (${systemErrorCode(error) ?? 'unknown reason'})`,
      { hint: 'check its name', cause: error },
    );
  }
}
