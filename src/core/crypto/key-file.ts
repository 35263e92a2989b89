import { createHash } from 'node:crypto';
import { bytesEqual } from '../base/index.ts';
import { assert, VersionsError } from '../errors/index.ts';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const keyBytes = 32;
const checkBytes = 3;
const characterCount = 56;

/** The text of a key file: comments, then 56 characters in groups of four. */
export function encodeKeyFile(key: Uint8Array): string {
  assert(key.byteLength === keyBytes, 'A key file holds 32 bytes');
  const characters = toBase32(Buffer.concat([key, checkOf(key)]));
  const groups = characters.match(/.{4}/g) ?? [];
  return [
    '# Key of a Versions repository. Whoever has it can read everything in it;',
    '# without it, or a password that was added, nothing can be restored.',
    groups.slice(0, 7).join('-'),
    groups.slice(7).join('-'),
    '',
  ].join('\n');
}

/** The key in the text of a key file. Throws `Usage` (codes KEY_FILE_INVALID, KEY_FILE_MISTYPED). */
export function decodeKeyFile(text: string): Uint8Array {
  const key = parseKeyFile(text);
  if (key !== undefined) return key;
  if (normalisedCharacters(text) === undefined) {
    throw new VersionsError(
      'Usage',
      'KEY_FILE_INVALID',
      `A key file must hold ${characterCount} letters and digits, apart from lines that begin with #`,
    );
  }
  throw new VersionsError(
    'Usage',
    'KEY_FILE_MISTYPED',
    'The check characters of the key file do not match, so at least one character is mistyped',
  );
}

/** The key, or undefined if `text` is not a key file or its check characters do not match. */
export function parseKeyFile(text: string): Uint8Array | undefined {
  const characters = normalisedCharacters(text);
  if (characters === undefined) return undefined;
  const bytes = fromBase32(characters);
  const key = bytes.subarray(0, keyBytes);
  return bytesEqual(bytes.subarray(keyBytes), checkOf(key)) ? key : undefined;
}

/** The 56 characters as written by this program, or undefined if there are other ones. */
function normalisedCharacters(text: string): string | undefined {
  // A key file has a few hundred characters; nothing longer is worth looking through.
  if (text.length > 65_536) return undefined;
  const characters = text
    .split(/\r\n|\r|\n/)
    .filter((line) => !line.startsWith('#'))
    .join('')
    .replace(/[\s-]/g, '')
    .toUpperCase()
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
  const fits = characters.length === characterCount && /^[0-9A-HJKMNP-TV-Z]+$/.test(characters);
  return fits ? characters : undefined;
}

function checkOf(key: Uint8Array): Buffer {
  const hash = createHash('sha256').update('versions/1/key-file').update(key).digest();
  return hash.subarray(0, checkBytes);
}

function toBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let bitCount = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    bitCount += 8;
    while (bitCount >= 5) {
      bitCount -= 5;
      text += alphabet.charAt((bits >> bitCount) & 31);
    }
    bits &= (1 << bitCount) - 1;
  }
  return text;
}

function fromBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(keyBytes + checkBytes);
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  for (const character of text) {
    bits = (bits << 5) | alphabet.indexOf(character);
    bitCount += 5;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[at++] = bits >> bitCount;
      bits &= (1 << bitCount) - 1;
    }
  }
  return bytes;
}
