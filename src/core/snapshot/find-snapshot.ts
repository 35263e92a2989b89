import { byteStringFromText, timeSpanOf, type ByteString } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { fitsFilter, type SnapshotFilter, type SnapshotInfo } from './snapshot-info.ts';

const idPattern = /^[0-9a-f]{4,32}$/;
const latestPattern = /^latest(?:~(\d{1,6}))?$/;

/**
 * The snapshot that a selector names: an id or its beginning (of all snapshots), `latest`,
 * `latest~N`, or `@TIME`, the last one not after that time; the latter three among the complete
 * snapshots that fit the filter. Throws `NotFound` or `Usage`.
 */
export function findSnapshot(
  snapshots: readonly SnapshotInfo[],
  selector: string,
  filter: SnapshotFilter,
): SnapshotInfo {
  const latest = latestPattern.exec(selector);
  if (latest)
    return latestOf(complete(snapshots, filter), Number(latest[1] ?? 0), selector, filter);
  if (selector.startsWith('@')) return lastBefore(complete(snapshots, filter), selector, filter);
  const prefix = selector.toLowerCase();
  if (!idPattern.test(prefix)) throw notASelector(selector);
  const found = snapshots.filter(({ id }) => id.startsWith(prefix));
  const [first, second] = found;
  if (first === undefined) throw notFound(`There is no snapshot ${selector}`);
  if (second !== undefined) {
    throw new VersionsError(
      'Usage',
      'SNAPSHOT_AMBIGUOUS',
      `${found.length} snapshots begin with ${selector}`,
      {
        hint: 'Give more characters of the id',
      },
    );
  }
  return first;
}

/** Takes `SNAP` or `SNAP:PATH` apart; a path is taken from the root of the snapshot. */
export function parseSnapshotPath(text: string): {
  readonly selector: string;
  readonly path?: ByteString;
} {
  // Times have colons too: behind one only an absolute path can follow.
  const colon = text.startsWith('@') ? text.indexOf(':/') : text.indexOf(':');
  const selector = colon === -1 ? text : text.slice(0, colon);
  if (selector === '') throw notASelector(text);
  if (colon === -1) return { selector };
  const path = text.slice(colon + 1);
  return { selector, path: byteStringFromText(path.startsWith('/') ? path : `/${path}`) };
}

function complete(
  snapshots: readonly SnapshotInfo[],
  filter: SnapshotFilter,
): readonly SnapshotInfo[] {
  return snapshots.filter((snapshot) => !snapshot.partial && fitsFilter(snapshot, filter));
}

function latestOf(
  snapshots: readonly SnapshotInfo[],
  back: number,
  selector: string,
  filter: SnapshotFilter,
): SnapshotInfo {
  const found = snapshots.at(-1 - back);
  if (found === undefined) throw notFound(`There is no snapshot ${selector}${filterText(filter)}`);
  return found;
}

function lastBefore(
  snapshots: readonly SnapshotInfo[],
  selector: string,
  filter: SnapshotFilter,
): SnapshotInfo {
  // A time as people write it, or with the whole selector seconds since 1970.
  const span = timeSpanOf(selector.slice(1)) ?? timeSpanOf(selector);
  if (span === undefined) throw notATime(selector.slice(1));
  const found = snapshots.findLast(({ time }) => time <= span.last);
  if (found === undefined)
    throw notFound(`There is no snapshot from before ${selector.slice(1)}${filterText(filter)}`);
  return found;
}

function notATime(text: string): VersionsError {
  return new VersionsError('Usage', 'TIME_INVALID', `"${text}" is not a time`, {
    hint: 'Write it like @2026-11-01, @2026-11-01T12:30 or @2026-11-01T11:30:00Z',
  });
}

function filterText(filter: SnapshotFilter): string {
  const parts = [
    ...(filter.host === undefined ? [] : [`host ${filter.host}`]),
    ...(filter.paths ?? []).map((path) => `path ${path}`),
    ...(filter.tags ?? []).map((tag) => `tag ${tag}`),
  ];
  return parts.length === 0 ? '' : ` for ${parts.join(', ')}`;
}

function notASelector(text: string): VersionsError {
  return new VersionsError('Usage', 'SELECTOR_INVALID', `"${text}" does not name a snapshot`, {
    hint: 'Name one by its id, or as latest, latest~1 or @2026-11-01: see "versions snapshots"',
  });
}

function notFound(message: string): VersionsError {
  return new VersionsError('NotFound', 'SNAPSHOT_NOT_FOUND', message, {
    hint: 'See which there are: "versions snapshots"; other hosts with --host',
  });
}
