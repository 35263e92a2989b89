import { isAbsolute, join, resolve } from 'node:path';
import type { PathBase } from './setting.ts';

/** The absolute form of a path as a user writes it: `~` is the home directory. */
export function expandPath(text: string, base: PathBase): string {
  if (text === '~') return base.home;
  if (text.startsWith('~/')) return join(base.home, text.slice(2));
  return isAbsolute(text) ? resolve(text) : resolve(base.directory, text);
}

/**
 * A mirror's or catalog's URL with its path made absolute: `sqlite:PATH`, `sqlite:///PATH` and bare
 * paths; any other URL stays as it is.
 */
export function resolvePlace(text: string, base: PathBase): string {
  if (text.startsWith('sqlite:')) {
    const path = text.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
    return `sqlite:${expandPath(path, base)}`;
  }
  return isUrl(text) ? text : expandPath(text, base);
}

/** Whether a text is `scheme://…` or begins with a scheme that stores are known by. */
export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\/|^(s3|b2|gs|azure|swift|sftp|rest|rclone|file):/i.test(text);
}
