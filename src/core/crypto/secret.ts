import { parseKeyFile } from './key-file.ts';

/** What the user has to unlock a repository. */
export type Secret =
  | { readonly kind: 'password'; readonly password: string }
  | { readonly kind: 'key'; readonly key: Uint8Array }
  | { readonly kind: 'none' };

/**
 * The secret that a text stands for: the key if the text is a valid key file, check characters
 * included, else a password. So a key may be typed or handed over wherever a password is asked for;
 * a password would have to be 56 fitting characters with a fitting checksum to be mistaken.
 */
export function secretOfText(text: string): Secret {
  const key = parseKeyFile(text);
  return key === undefined ? { kind: 'password', password: text } : { kind: 'key', key };
}
