import { type SnapshotInfo, VersionsError } from '../core/index.ts';
import type { Settings } from './options/settings.ts';
import { shownPath } from './output/path-fields.ts';
import { safeText } from './output/safe-text.ts';

/** Snapshots that have the same host, paths or tags, whatever was asked for. */
export interface SnapshotGroup<T extends SnapshotInfo> {
  /** `host web1, paths /srv`, for people; empty if nothing was asked for. */
  readonly title: string;
  readonly snapshots: readonly T[];
}

const facets = ['host', 'paths', 'tags'] as const;
type Facet = (typeof facets)[number];

/** What `--group-by` names. Throws `Usage` for anything else. */
export function facetsOf(settings: Settings): readonly Facet[] {
  const words = (settings.text('group-by') ?? '').split(',').filter((word) => word !== '');
  return words.map((word) => {
    const facet = facets.find((candidate) => candidate === word || candidate === `${word}s`);
    if (facet !== undefined) return facet;
    throw new VersionsError(
      'Usage',
      'INVALID_SETTING',
      `--group-by must name some of ${facets.join(', ')}, with commas between, not ${JSON.stringify(word)}`,
      { hint: 'for example --group-by host,paths' },
    );
  });
}

/** The groups in the order of their first snapshots; in each the snapshots keep theirs. */
export function groupSnapshots<T extends SnapshotInfo>(
  snapshots: readonly T[],
  by: readonly Facet[],
): readonly SnapshotGroup<T>[] {
  const groups = Map.groupBy(snapshots, (snapshot) =>
    JSON.stringify(by.map((facet) => [valuesOf(snapshot, facet)].flat().toSorted())),
  );
  return [...groups.values()].map((members) => ({
    title: titleOf(members, by),
    snapshots: members,
  }));
}

/** The newest `count` of each group; all of them without a count. `snapshots`: oldest first. */
export function newestOfEach<T extends SnapshotInfo>(
  snapshots: readonly T[],
  count: number | undefined,
  by: readonly Facet[],
): readonly T[] {
  if (count === undefined) return snapshots;
  const groups = groupSnapshots(snapshots, by.length === 0 ? ['host', 'paths'] : by);
  const kept = new Set(groups.flatMap((group) => group.snapshots.slice(-count)));
  return snapshots.filter((snapshot) => kept.has(snapshot));
}

function valuesOf(snapshot: SnapshotInfo, facet: Facet): string | readonly string[] {
  if (facet === 'host') return snapshot.host;
  return facet === 'paths' ? snapshot.paths : snapshot.tags;
}

function titleOf([first]: readonly SnapshotInfo[], by: readonly Facet[]): string {
  if (first === undefined) return '';
  const texts: Record<Facet, string> = {
    host: safeText(first.host),
    paths: first.paths.map(shownPath).join(' '),
    tags: first.tags.map(safeText).join(', ') || 'none',
  };
  return by.map((facet) => `${facet} ${texts[facet]}`).join(', ');
}
