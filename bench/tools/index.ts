/**
 * What can be measured. A tool is called as its users would: by its program, with its defaults, with
 * configuration, caches and keys in a home of its own, so that nothing of the machine's user is read
 * or changed.
 */
import { borg } from './borg.ts';
import { bupstash } from './bupstash.ts';
import { kopia } from './kopia.ts';
import { restic } from './restic.ts';
import { rustic } from './rustic.ts';
import { tarZstd } from './tar-zstd.ts';
import type { Tool } from './tool.ts';

export { type Phase, phases, type Place, type Tool } from './tool.ts';
export { tarZstd } from './tar-zstd.ts';
export { versionsTool, type VersionsUse } from './versions.ts';

/** The peers by the name of their program, each with the ways to call it. */
export const peers: ReadonlyMap<string, readonly Tool[]> = new Map([
  ['restic', restic],
  ['bupstash', [bupstash]],
  ['kopia', kopia],
  ['rustic', [rustic]],
  ['borg', [borg]],
]);

/** Whether a row is a yardstick: no peer, because it does less. */
export function isYardstick({ name }: Pick<Tool, 'name'>): boolean {
  return name === tarZstd.name;
}
