import { isPackName, type MirrorId, type PackName } from '../base/index.ts';
import { membersOf, type Repository } from '../repository/index.ts';
import { listSnapshots, type SnapshotInfo } from './snapshot-info.ts';

/** How one mirror does, as far as the catalog knows: nothing in it is read but its marker. */
export interface MirrorHealth {
  readonly name: string;
  /** Undefined for a configured place whose marker could not be read and that has no name in the journal. */
  readonly id: MirrorId | undefined;
  /** Its marker was read just now. */
  readonly present: boolean;
  /** Named in the configuration of this machine. */
  readonly configured: boolean;
  readonly location: string | undefined;
  /** Objects that it is known to lack. */
  readonly objectsOwed: number;
  /** Of the packs among them. */
  readonly bytesOwed: number;
  /** Copies that were found bad. */
  readonly objectsDamaged: number;
  /** Packs of which every byte was verified in it at some time. */
  readonly packsVerified: number;
  /** When the pack was verified that waits the longest; undefined if some never was. */
  readonly oldestVerifiedAt: number | undefined;
}

/** The last backup of one source. */
export interface SourceHealth {
  readonly latest: SnapshotInfo;
  readonly snapshots: number;
}

export interface RepositoryHealth {
  readonly mirrors: readonly MirrorHealth[];
  readonly mirrorsMin: number;
  /** Mirrors that are here. */
  readonly mirrorsPresent: number;
  /** Live packs. */
  readonly packs: number;
  /** At index *n* the number of packs with *n* good copies. */
  readonly packsByCopies: readonly number[];
  readonly sources: readonly SourceHealth[];
}

/** What a mirror's rows of the ledger add up to. */
interface CopyCounts {
  readonly bad: ReadonlySet<PackName>;
  readonly objectsOwed: number;
  readonly bytesOwed: number;
  readonly objectsDamaged: number;
  readonly packsVerified: number;
  readonly oldestVerifiedAt: number | undefined;
}

/** Adds up what the journal and the ledger say. A copy counts as good until somebody saw otherwise. */
export async function repositoryHealth(
  repository: Repository,
  now: number,
): Promise<RepositoryHealth> {
  const { mirrors, state } = repository;
  const live = state.packs.all().filter(({ name }) => isNeeded(repository, name));
  const copies = new Map(live.map(({ name }) => [name, 0]));
  const health: MirrorHealth[] = [];
  for (const place of placesOf(repository)) {
    const counts = place.id && (await countCopies(repository, place.id, now));
    if (counts !== undefined && place.isMember) {
      for (const { name } of live) {
        if (!counts.bad.has(name)) copies.set(name, (copies.get(name) ?? 0) + 1);
      }
    }
    const { isMember: _, ...rest } = place;
    const { bad: _bad, ...shown } = counts ?? nothingKnown;
    health.push({ ...rest, ...shown });
  }
  const packsByCopies = Array.from({ length: membersOf(repository).length + 1 }, () => 0);
  for (const count of copies.values()) packsByCopies[count] = (packsByCopies[count] ?? 0) + 1;
  return {
    mirrors: health,
    mirrorsMin: mirrors.mirrorsMin,
    mirrorsPresent: mirrors.mirrors.length,
    packs: live.length,
    packsByCopies,
    sources: sourcesOf(repository),
  };
}

const nothingKnown: CopyCounts = {
  bad: new Set(),
  objectsOwed: 0,
  bytesOwed: 0,
  objectsDamaged: 0,
  packsVerified: 0,
  oldestVerifiedAt: undefined,
};

type PlaceHealth = Pick<MirrorHealth, 'name' | 'id' | 'present' | 'configured' | 'location'> & {
  readonly isMember: boolean;
};

/** Those that are configured, then those that only the journal knows. */
function placesOf(repository: Repository): readonly PlaceHealth[] {
  const { mirrors } = repository;
  const members = membersOf(repository);
  const isMember = (id: MirrorId | undefined): boolean => members.some((other) => other.id === id);
  const here = mirrors.status().mirrors.map(({ id, name, location }) => {
    return { id, name, location, present: true, configured: true, isMember: isMember(id) };
  });
  let away = members.filter(({ id }) => !here.some((mirror) => mirror.id === id));
  const absent = mirrors.absent.map(({ name }) => {
    // By its name; if only one can be meant, by that, since names may be changed.
    const only = mirrors.absent.length === 1 && away.length === 1 ? away[0] : undefined;
    const member = away.find((other) => other.name === name) ?? only;
    away = away.filter((other) => other !== member);
    const { id } = member ?? { id: undefined };
    const isKnown = member !== undefined;
    return { id, name, location: undefined, present: false, configured: true, isMember: isKnown };
  });
  const elsewhere = away.map(({ id, name }) => {
    return { id, name, location: undefined, present: false, configured: false, isMember: true };
  });
  return [...here, ...absent, ...elsewhere];
}

/** Neither was deleted nor lost and then stored again under other names. */
export function isNeeded(repository: Repository, name: PackName): boolean {
  const { state, lossIsOver, lostPacks } = repository;
  return state.packs.lifeOf(name) !== 'swept' && !(lossIsOver && lostPacks.has(name));
}

async function countCopies(
  repository: Repository,
  mirror: MirrorId,
  now: number,
): Promise<CopyCounts> {
  const { catalog, state } = repository;
  const bad = new Set<PackName>();
  const packCount = state.packs.all().filter(({ name }) => isNeeded(repository, name));
  let [objectsOwed, bytesOwed, objectsDamaged, packsVerified] = [0, 0, 0, 0];
  let oldest = Number.POSITIVE_INFINITY;
  for await (const copy of catalog.ledger.copies({ mirror, now })) {
    const name = packNameOf(copy.object);
    const number = name && state.packs.numberOf(name);
    const isPack = name !== undefined && number !== undefined;
    if (isPack && !isNeeded(repository, name)) continue;
    if (copy.state === 'debt') {
      objectsOwed += 1;
      bytesOwed += (number === undefined ? undefined : state.packs.at(number)?.bytes) ?? 0;
    } else if (copy.state !== 'stored') objectsDamaged += 1;
    if (!isPack) continue;
    if (copy.state !== 'stored') bad.add(name);
    else if (copy.lastVerified !== undefined) {
      packsVerified += 1;
      oldest = Math.min(oldest, copy.lastVerified);
    }
  }
  const isWhole = packsVerified > 0 && packsVerified + bad.size >= packCount.length;
  const oldestVerifiedAt = isWhole ? oldest : undefined;
  return { bad, objectsOwed, bytesOwed, objectsDamaged, packsVerified, oldestVerifiedAt };
}

function sourcesOf(repository: Repository): readonly SourceHealth[] {
  const sources = new Map<string, SourceHealth>();
  for (const latest of listSnapshots(repository)) {
    const snapshots = (sources.get(latest.source)?.snapshots ?? 0) + 1;
    sources.set(latest.source, { latest, snapshots });
  }
  return [...sources.values()];
}

/** The pack that a key names. */
export function packNameOf(key: string): PackName | undefined {
  const name = /^packs\/[0-9a-f]{2}\/(.*)$/.exec(key)?.[1];
  return name !== undefined && isPackName(name) ? name : undefined;
}
