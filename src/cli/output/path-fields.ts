import {
  type ByteString,
  bytesOfByteString,
  displayPath,
  utf8OfByteString,
} from '../../core/index.ts';
import { safeText } from './safe-text.ts';

/** A path for people on a terminal. */
export function shownPath(path: ByteString): string {
  return safeText(displayPath(path));
}

/** A path in JSON: `path`, and `pathBase64` with the exact bytes if they are not UTF-8. */
export function pathFields(path: ByteString): { path: string; pathBase64?: string } {
  const text = utf8OfByteString(path);
  if (text !== undefined) return { path: text };
  return { path: displayPath(path), pathBase64: base64Of(path) };
}

/** Several paths in JSON: `paths`, and `pathsBase64` if one of them is not UTF-8. */
export function pathsFields(paths: readonly ByteString[]): {
  paths: string[];
  pathsBase64?: string[];
} {
  const texts = paths.map((path) => pathFields(path).path);
  const isText = paths.every((path) => utf8OfByteString(path) !== undefined);
  return isText ? { paths: texts } : { paths: texts, pathsBase64: paths.map(base64Of) };
}

function base64Of(path: ByteString): string {
  return bytesOfByteString(path).toString('base64');
}
