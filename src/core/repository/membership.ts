import type { MirrorId } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import type { JournalRecord, MirrorRecord } from '../format/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { Repository } from './repository.ts';

/** The mirrors that the repository has, as the journal says, whether they are here or not. */
export function membersOf({ state }: Pick<Repository, 'state'>): readonly MirrorRecord[] {
  return [...state.mirrors.values()].filter(({ state: life }) => life === 'active');
}

/** Those of them that did not show their marker in this run, configured on this machine or not. */
export function absentMembers(repository: Repository): readonly MirrorRecord[] {
  const here = new Set(repository.mirrors.mirrors.map(({ id }) => id));
  return membersOf(repository).filter(({ id }) => !here.has(id));
}

/**
 * A client writes only to mirrors that the journal knows: copies in others would count for a quorum
 * that nobody keeps up. Throws `Usage` (MIRROR_REMOVED, MIRROR_NOT_ADDED).
 */
export function assertMembers(repository: Repository): void {
  // A journal that was made anew from packs alone names none.
  if (membersOf(repository).length === 0) return;
  for (const mirror of repository.mirrors.mirrors) {
    const record = repository.state.mirrors.get(mirror.id);
    if (record === undefined) throw notAdded(mirror);
    if (record.state === 'removed') throw removed(mirror);
  }
}

function notAdded({ name, id, store }: Mirror): VersionsError {
  return new VersionsError(
    'Usage',
    'MIRROR_NOT_ADDED',
    `Mirror ${name} (${id}) is configured but was never added to the repository`,
    {
      hint: `Add it: "versions mirror add ${name} ${store.properties.location}"`,
      context: { mirror: name },
    },
  );
}

function removed({ name, id }: Mirror): VersionsError {
  return new VersionsError(
    'Usage',
    'MIRROR_REMOVED',
    `Mirror ${name} (${id}) is configured but was removed from the repository`,
    {
      hint: `Take it out of the configuration: "versions mirror remove ${name}"`,
      context: { mirror: name },
    },
  );
}

/** Enters another name for a mirror in the journal, or other numbers of copies. */
export async function changeMembership(
  repository: Repository,
  change: {
    readonly renamed?: { readonly id: MirrorId; readonly name: string } | undefined;
    readonly mirrorsMin?: number | undefined;
  },
  signal?: AbortSignal,
): Promise<void> {
  repository.assertWritable();
  const { renamed, mirrorsMin } = change;
  await repository.log.append(
    () => {
      const member = membersOf(repository).find(({ id }) => id === renamed?.id);
      const mirrors = renamed && member ? [{ ...member, name: renamed.name }] : [];
      const records: JournalRecord[] = [];
      if (mirrors.length > 0) records.push({ type: 'mirrors', mirrors });
      if (mirrorsMin !== undefined) records.push({ type: 'settings', mirrorsMin });
      return records.length === 0 ? undefined : records;
    },
    { signal },
  );
  await repository.mirrors.drain();
  await repository.debts.record(repository.catalog);
}
