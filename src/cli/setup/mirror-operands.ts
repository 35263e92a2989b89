import { isConfigName, type MirrorConfig, resolvePlace, VersionsError } from '../../core/index.ts';
import type { Session } from '../session.ts';
import { isWithin } from './own-places.ts';
import { mirrorDirectory } from './places.ts';

/** The NAME operand of `init` and `connect`. */
export function repositoryOperand({ operands, settings, command }: Session): string {
  const name = operands[0] ?? 'default';
  if (settings.isFromFlag('repository')) {
    throw usage(`versions ${command.name} takes the name as an operand, not with -r`, command.name);
  }
  if (!isConfigName(name)) {
    throw usage(
      `${JSON.stringify(name)} is not a name: letters, digits, - and _, at most 64`,
      command.name,
    );
  }
  return name;
}

/** The mirrors that `--mirror NAME=URL` gives, with paths made absolute. */
export function parseMirrors({ settings, io, command }: Session): MirrorConfig[] {
  const base = { directory: io.directory, home: io.home };
  const mirrors = settings.list('mirror').map((text) => {
    const at = text.indexOf('=');
    const name = text.slice(0, Math.max(at, 0));
    const url = text.slice(at + 1);
    if (!isConfigName(name) || url === '') {
      throw usage(`--mirror must be NAME=URL, not ${JSON.stringify(text)}`, command.name);
    }
    return { name, url: resolvePlace(url, base) };
  });
  for (const [index, mirror] of mirrors.entries()) {
    for (const other of mirrors.slice(0, index)) checkApart(mirror, other, command.name);
  }
  return mirrors;
}

/** Throws `Usage` if two mirrors share a name, or one lies in the other. */
export function checkApart(one: MirrorConfig, other: MirrorConfig, command: string): void {
  if (one.name === other.name) throw usage(`Two mirrors are named ${one.name}`, command);
  const a = mirrorDirectory(one.url) ?? one.url;
  const b = mirrorDirectory(other.url) ?? other.url;
  if (isWithin(a, b) || isWithin(b, a)) {
    throw usage(`The mirrors ${other.name} and ${one.name} lie in one another`, command);
  }
}

function usage(message: string, command: string): VersionsError {
  return new VersionsError('Usage', 'USAGE', message, {
    hint: `versions help ${command} shows examples`,
  });
}
