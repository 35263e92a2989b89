import { readFileSync } from 'node:fs';

/** The stored format that this program writes. */
export const formatVersion = 1;

/** The version in package.json, which lies at the same distance from `src/` and `dist/`. */
export function programVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const manifest: unknown = JSON.parse(text);
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest
      ? manifest.version
      : undefined;
  return typeof version === 'string' ? version : 'unknown';
}
