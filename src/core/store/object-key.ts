import { VersionsError } from '../errors/index.ts';

export const keyCharactersMax = 200;

/** True if `key` may name an object (the rules are those of `ObjectStore`). */
export function isObjectKey(key: string): boolean {
  return key.length <= keyCharactersMax && keyPattern.test(key);
}

/** True if `name` may be one segment of a key. */
export function isKeySegment(name: string): boolean {
  return segmentPattern.test(name);
}

export function assertObjectKey(key: string): void {
  if (!isObjectKey(key)) throw invalid('key', key);
}

/** A prefix is the beginning of a key: anything that some key could follow, also nothing at all. */
export function assertKeyPrefix(prefix: string): void {
  if (prefix.length > keyCharactersMax || !prefixPattern.test(prefix)) {
    throw invalid('prefix', prefix);
  }
}

const keyPattern = /^[0-9a-z-][0-9a-z.-]*(?:\/[0-9a-z-][0-9a-z.-]*)*$/;
const segmentPattern = /^[0-9a-z-][0-9a-z.-]*$/;
const prefixPattern = /^(?:[0-9a-z-][0-9a-z.-]*\/)*(?:[0-9a-z-][0-9a-z.-]*)?$/;

function invalid(what: string, text: string): VersionsError {
  const shown = JSON.stringify(text.slice(0, keyCharactersMax));
  return new VersionsError('Internal', 'STORE_KEY_INVALID', `Not a ${what} of an object: ${shown}`);
}
