import { asBuffer } from './bytes.ts';
import { thisSystem, type System } from './system.ts';
import { windowsPathOf } from './windows-path.ts';

/**
 * A name or path as the file system has it: bytes, not text. Held as a string in which each
 * character is one byte (0 to 255), because such strings are compact, compare in byte order with
 * `<`, and work as map keys. For text shown to people use `displayPath`.
 */
export type ByteString = string & { readonly __byteString: true };

/** The root of a file system, and of every snapshot. */
export const rootPath: ByteString = '/' as ByteString;

export function byteStringOf(bytes: Uint8Array): ByteString {
  return asBuffer(bytes).toString('latin1') as ByteString;
}

/** The bytes of text in UTF-8, as a byte string: for command lines and configuration. */
export function byteStringFromText(text: string): ByteString {
  return isAscii(text)
    ? (text as ByteString)
    : (Buffer.from(text, 'utf8').toString('latin1') as ByteString);
}

export function bytesOfByteString(text: ByteString): Buffer {
  return Buffer.from(text, 'latin1');
}

/**
 * What to hand to `node:fs` for a path: the string itself if every byte is ASCII, else a Buffer.
 * On Windows `/C/x` becomes `\\\\?\\C:\\x`; bytes beyond ASCII are those of WTF-8 there, as Node
 * takes and gives them, so that names with half a surrogate pair survive.
 */
export function fsPath(path: ByteString, system: System = thisSystem): string | Buffer {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- drive, slashes and ASCII only
  const local = system === 'win32' ? (windowsPathOf(path) as ByteString) : path;
  return isAscii(local) ? local : bytesOfByteString(local);
}

/** Text for people: UTF-8 where it is UTF-8, `\xNN` for other bytes, and `\n`, `\t`, `\e` … escaped. */
export function displayPath(path: ByteString): string {
  let text: string;
  try {
    text = isAscii(path) ? path : strictUtf8.decode(bytesOfByteString(path));
  } catch {
    text = path.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
  }
  return text.replace(controlCharacters, (control) => {
    const known = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[control];
    return known ?? `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** The text if the bytes are valid UTF-8, else undefined (then `--json` gives base64). */
export function utf8OfByteString(path: ByteString): string | undefined {
  if (isAscii(path)) return path;
  try {
    return strictUtf8.decode(bytesOfByteString(path));
  } catch {
    return undefined;
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const controlCharacters = /[\x00-\x1f\x7f]/g;
// oxlint-disable-next-line no-control-regex -- the ASCII range begins with control characters
const asciiOnly = /^[\x00-\x7f]*$/;

function isAscii(text: string): boolean {
  return asciiOnly.test(text);
}
