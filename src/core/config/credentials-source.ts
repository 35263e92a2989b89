import { expandPath } from './place.ts';
import type { PathBase } from './setting.ts';

/** Where the credentials of a mirror come from, as it stands in the configuration. */
export type CredentialsSource = {
  readonly kind: 'profile' | 'env' | 'command' | 'file';
  readonly value: string;
};

export const credentialsForms = 'profile:NAME, env:PREFIX, command:CMD or file:PATH';

const pattern = /^(profile|env|command|file):([^\0]+)$/s;

/** Reads `profile:NAME`, `env:PREFIX`, `command:CMD` or `file:PATH`; undefined if it is none. */
export function parseCredentialsSource(text: string): CredentialsSource | undefined {
  const [, kind, value = ''] = pattern.exec(text) ?? [];
  switch (kind) {
    case 'profile':
    case 'command':
    case 'file':
      return { kind, value };
    case 'env':
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(value) ? { kind, value } : undefined;
    default:
      return undefined;
  }
}

/** The text with the path of a file made absolute; undefined if it is no source of credentials. */
export function resolveCredentialsSource(text: string, base: PathBase): string | undefined {
  const source = parseCredentialsSource(text);
  if (source === undefined) return undefined;
  return source.kind === 'file' ? `file:${expandPath(source.value, base)}` : text;
}
