import { toHex, type LineageId, type PackName, type SessionId } from '../base/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import {
  keptPartials,
  type Context,
  type PackDirectory,
  type PackInfo,
  type Repository,
} from '../repository/index.ts';
import { eachAtOnce } from '../verify/index.ts';
import { isWholePack, readUnknownPack, snapshotsIn, type FoundSnapshot } from './read-pack.ts';

/** Packs that one entry names; a run that is killed repeats no more than these. */
const groupPacks = 1000;
/** Ends of packs that are read at once. */
const readsAtOnce = 16;
/** Snapshots that one entry commits. */
const groupSnapshots = 1000;

/** A pack that no entry names. */
interface FoundPack {
  readonly pack: PackInfo;
  /** Of a tree pack, which may hold snapshots. */
  readonly trees: PackDirectory | undefined;
}

/** What was found in packs that no entry named. */
export interface NamedPacks {
  readonly packs: number;
  readonly snapshots: number;
  /** Packs that were left out: unreadable, or made up of parts of another. */
  readonly refused: number;
}

/**
 * Puts packs that no entry names into the journal, by what their ends say, in groups; then commits,
 * as recovered, every snapshot whose record lies in one of them. A run that was killed goes on
 * behind the last group.
 */
export class PackNaming {
  readonly #repository: Repository;
  readonly #context: Context;
  readonly #session: SessionId;
  /** Names by the salts of their headers: a salt is never drawn twice. */
  readonly #salts: Map<string, PackInfo> = new Map();
  /** What lies in tree packs that were read in this run. */
  readonly #snapshots: Map<PackName, readonly FoundSnapshot[]> = new Map();
  #packs = 0;
  #refused = 0;

  /** `session` is the id of the rebuild's lineage, used as that of a session. */
  constructor(repository: Repository, session: SessionId, context: Context) {
    this.#repository = repository;
    this.#context = context;
    this.#session = session;
    for (const pack of repository.state.packs.all()) this.#salts.set(toHex(pack.salt), pack);
  }

  async name(unnamed: ReadonlyMap<PackName, readonly number[]>): Promise<void> {
    const { monitor } = this.#context;
    const names = [...unnamed.keys()].sort();
    monitor.count('objectsTotal', names.length);
    for (let at = 0; at < names.length; at += groupPacks) {
      const group: FoundPack[] = [];
      await eachAtOnce(names.slice(at, at + groupPacks), readsAtOnce, async (name) => {
        this.#context.signal?.throwIfAborted();
        monitor.at('reading packs', name);
        const directory = await this.#read(name, unnamed.get(name) ?? []);
        if (directory === undefined) this.#refused += 1;
        else group.push(foundPackOf(directory));
        monitor.count('objectsDone', 1);
      });
      group.sort((a, b) => (a.pack.name < b.pack.name ? -1 : 1));
      const found = await this.#withoutTwins(group);
      if (found.length === 0) continue;
      for (const { trees } of found) await this.#keepSnapshots(trees);
      const packs = found.map(({ pack }) => pack);
      await this.#repository.log.append(() => [{ type: 'packs', session: this.#session, packs }], {
        signal: this.#context.signal,
      });
      this.#packs += packs.length;
    }
  }

  /** Commits what was found; those of an earlier run that was cut short are read once more. */
  async commitSnapshots(): Promise<NamedPacks> {
    const { state, log } = this.#repository;
    for (const pack of await this.#treePacksOfRebuild()) {
      if (this.#snapshots.has(pack.name)) continue;
      const directory = await this.#read(pack.name, [pack.bytes]);
      if (directory !== undefined) await this.#keepSnapshots(directory);
    }
    const found = new Map<string, FoundSnapshot>();
    for (const each of [...this.#snapshots.values()].flat()) found.set(each.record.id, each);
    const sorted = [...found.values()]
      .filter(({ record }) => !state.snapshots.has(record.id) && !isReplaced(record, state))
      .sort((a, b) => a.record.time - b.record.time);
    const session = this.#session;
    for (let at = 0; at < sorted.length; at += groupSnapshots) {
      const records = sorted.slice(at, at + groupSnapshots).map(
        ({ record, chunk }) =>
          ({
            type: 'snapshot',
            session,
            record: chunk,
            snapshot: record,
            recovered: true,
          }) as const,
      );
      await log.append(() => [...records, ...keptPartials(records, state)], {
        signal: this.#context.signal,
      });
    }
    return { packs: this.#packs, snapshots: sorted.length, refused: this.#refused };
  }

  /** Undefined if the pack cannot be used, which is told. */
  async #read(name: PackName, sizes: readonly number[]): Promise<PackDirectory | undefined> {
    const { monitor, signal } = this.#context;
    try {
      return await readUnknownPack(name, sizes, this.#repository, signal);
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unsupported')) throw error;
      monitor.problem(error);
      return undefined;
    }
  }

  async #keepSnapshots(directory: PackDirectory | undefined): Promise<void> {
    if (directory === undefined) return;
    const { monitor, signal } = this.#context;
    const onBad = (error: VersionsError): void => monitor.problem(error);
    const found = await snapshotsIn(directory, this.#repository, onBad, signal);
    this.#snapshots.set(directory.pack.name, found);
  }

  /**
   * A salt that comes twice means that somebody without the keys has put the parts of one pack
   * together under another name: only what is whole counts, and of two the one that is known.
   */
  async #withoutTwins(group: readonly FoundPack[]): Promise<readonly FoundPack[]> {
    const kept = new Map<PackName, FoundPack>();
    for (const found of group) {
      const { pack } = found;
      const salt = toHex(pack.salt);
      const twin = this.#salts.get(salt);
      if (twin === undefined) {
        this.#salts.set(salt, pack);
        kept.set(pack.name, found);
        continue;
      }
      this.#refused += 1;
      const isBetter = !(await this.#isWhole(twin)) && (await this.#isWhole(pack));
      const [good, bad] = isBetter ? [pack, twin] : [twin, pack];
      this.#context.monitor.problem(twinRefused(bad.name, good.name));
      if (!isBetter) continue;
      kept.delete(twin.name);
      kept.set(pack.name, found);
      this.#salts.set(salt, pack);
    }
    return [...kept.values()];
  }

  #isWhole(pack: PackInfo): Promise<boolean> {
    return isWholePack({ pack }, this.#repository, this.#context.signal);
  }

  /** The tree packs that this rebuild has named, in this run or in one before. */
  async #treePacksOfRebuild(): Promise<readonly PackInfo[]> {
    const { state, log } = this.#repository;
    const begin = state.lineages.find(({ lineage }) => String(lineage) === this.#session);
    const packs: PackInfo[] = [];
    for await (const row of log.rows((begin?.number ?? 1) - 1)) {
      for (const record of await log.recordsOf(row)) {
        if (record.type !== 'packs' || record.session !== this.#session) continue;
        packs.push(...record.packs.filter(({ kind }) => kind === 'tree'));
      }
    }
    return packs;
  }
}

/** Tables are large: that of a data pack has served once it was seen to be whole. */
function foundPackOf(directory: PackDirectory): FoundPack {
  const { pack } = directory;
  return { pack, trees: pack.kind === 'tree' ? directory : undefined };
}

/** A rebuild is a session of its own, and has the id of its lineage. */
export function sessionOf(lineage: LineageId): SessionId {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- both are 16 bytes in hexadecimal
  return lineage as string as SessionId;
}

/** Is there a complete snapshot of the same source that is younger than this partial one? */
function isReplaced(
  { partial, source, time }: FoundSnapshot['record'],
  { snapshots }: Repository['state'],
): boolean {
  if (!partial) return false;
  return [...snapshots.values()].some(
    ({ record }) => !record.partial && record.source === source && record.time > time,
  );
}

function twinRefused(name: PackName, twin: PackName): VersionsError {
  return new VersionsError(
    'Corrupt',
    'PACK_SPLICED',
    `What is stored as pack ${name} is made of parts of pack ${twin}; it was left out`,
    { hint: 'Somebody else has written into a mirror: see docs/threat-model.md' },
  );
}
