import {
  type ByteString,
  byteStringFromText,
  findSnapshot,
  isVersionsError,
  listSnapshots,
  parseSnapshotPath,
  type Repository,
  type SnapshotInfo,
  VersionsError,
} from '../core/index.ts';
import { thisHost } from './machine.ts';
import { safeText } from './output/safe-text.ts';
import type { Session } from './session.ts';

export interface SelectedSnapshot {
  readonly snapshot: SnapshotInfo;
  readonly path: ByteString | undefined;
}

/** The snapshot, and the path in it, that `SNAP[:PATH]` means. */
export async function selectSnapshot(
  session: Session,
  repository: Repository,
  text: string,
): Promise<SelectedSnapshot> {
  const { selector, path } = parseSnapshotPath(text);
  const snapshots = listSnapshots(repository);
  const { settings } = session;
  // An id means one snapshot, wherever it was made.
  const isRelative = selector.startsWith('latest') || selector.startsWith('@');
  if (!isRelative) return { snapshot: findSnapshot(snapshots, selector, {}), path };
  const paths = settings.list('path').map((each) => byteStringFromText(each));
  const tags = settings.list('tag');
  const host = settings.text('host') ?? thisHost();
  const filter = {
    host,
    ...(paths.length === 0 ? {} : { paths }),
    ...(tags.length === 0 ? {} : { tags: [...tags] }),
  };
  try {
    return { snapshot: findSnapshot(snapshots, selector, filter), path };
  } catch (error) {
    throw withHosts(error, snapshots, host);
  }
}

/** On a new machine no snapshot is "of this host": say whose there are. */
function withHosts(error: unknown, snapshots: readonly SnapshotInfo[], host: string): unknown {
  const hosts = [...new Set(snapshots.map((snapshot) => snapshot.host))];
  if (!isVersionsError(error, 'NotFound') || hosts.length === 0 || hosts.includes(host)) {
    return error;
  }
  const names = hosts.slice(0, 5).map(safeText).join(', ');
  return new VersionsError('NotFound', error.code, error.message, {
    hint: `there are snapshots of other hosts, add --host: ${names}`,
    cause: error,
  });
}
