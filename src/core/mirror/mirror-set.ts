import type { Clock, MirrorId, RepositoryId } from '../base/index.ts';
import { assert, type VersionsError } from '../errors/index.ts';
import type { Monitor } from '../monitor/index.ts';
import {
  assertObjectKey,
  type CallOptions,
  type ObjectInfo,
  raceAbort,
  storeReadOnly,
} from '../store/index.ts';
import { ByteGate } from './byte-gate.ts';
import { type FailoverOptions, readFailover } from './failover-read.ts';
import { lookAgain } from './look-again.ts';
import type { AbsentPlace, MarkerReader, Mirror, OwnerReader, Place } from './mirror.ts';
import { MirrorChannel } from './mirror-channel.ts';
import { mirrorsMinInvalid, quorumLost, repositoryNotFound } from './mirror-errors.ts';
import { mirrorsMinOf, type OpenedMirrors, openMirrors } from './open-mirrors.ts';
import { QuorumWrite, type Settled, type Stored } from './quorum-write.ts';
import { StoredObjects } from './stored-objects.ts';

export interface MirrorSetOptions extends CallOptions {
  /** In the order in which they are preferred for reading. */
  readonly places: readonly Place[];
  readonly readMarker: MarkerReader;
  /** Lets a place whose marker is damaged be read, if nothing is to be written. */
  readonly readOwner?: OwnerReader | undefined;
  /** It may be read also where others are written; never to be set where a quorum is counted. */
  readonly readUnmarked?: boolean | undefined;
  readonly repositoryId?: RepositoryId | undefined;
  /** How many mirrors must store an object. Default: all but one, at least one. */
  readonly mirrorsMin?: number | undefined;
  readonly readOnly: boolean;
  readonly monitor: Monitor;
  readonly clock: Clock;
  /** An object is stored at the quorum and missing in this mirror. Must not throw. */
  readonly onDebt?: ((key: string, mirror: MirrorId, error: VersionsError) => void) | undefined;
  /** An object has reached the quorum. Must not throw. */
  readonly onStored?: ((key: string) => void) | undefined;
  /** A mirror did not give a good copy of an object. Must not throw. */
  readonly onSuspect?: ((key: string, mirror: MirrorId, error: VersionsError) => void) | undefined;
  readonly limits?: Partial<MirrorLimits> | undefined;
}

export interface MirrorLimits {
  /** A mirror that is more objects behind the quorum is spared the next ones. Default 4. */
  readonly behindMax: number;
  /** So many failed calls in a row, and a mirror is down. Default 3. */
  readonly failuresMax: number;
  /** Bytes of objects that not every mirror is done with. Default 96 MiB. */
  readonly bytesInFlightMax: number;
  /** A call that takes longer, and a second more for each 64 KiB, has stalled. Default 10 min. */
  readonly callMsMax: number;
  /** How long a place may take to show its marker. Default 1 min. */
  readonly markerMsMax: number;
}

export interface MirrorStatus {
  readonly id: MirrorId;
  readonly name: string;
  readonly location: string;
  /** Why it gets no more writes in this run; undefined if it does. */
  readonly down: VersionsError | undefined;
  readonly behind: number;
}

export interface MirrorSetStatus {
  readonly mirrorsMin: number;
  readonly mirrors: readonly MirrorStatus[];
  readonly absent: readonly AbsentPlace[];
  readonly bytesInFlight: number;
}

/** Several stores as one: quorum writes, reads that fail over. See the room's `index.ts`. */
export class MirrorSet implements AsyncDisposable {
  readonly repositoryId: RepositoryId;
  readonly mirrorsMin: number;
  /** Those whose marker was read, in the order of the places. */
  readonly mirrors: readonly Mirror[];
  readonly absent: readonly AbsentPlace[];
  readonly #options: MirrorSetOptions;
  readonly #limits: MirrorLimits;
  readonly #channels: readonly MirrorChannel[];
  readonly #gate: ByteGate;
  readonly #inFlight = new Set<Promise<unknown>>();
  /** Since the markers were read. */
  #stored = new StoredObjects();
  /** What mirrors that are gone have been noted to owe. */
  readonly #owedByGone = new Map<MirrorId, ReadonlySet<string>>();

  private constructor(
    options: MirrorSetOptions,
    limits: MirrorLimits,
    opened: OpenedMirrors & { readonly repositoryId: RepositoryId; readonly mirrorsMin: number },
  ) {
    this.repositoryId = opened.repositoryId;
    this.mirrorsMin = opened.mirrorsMin;
    this.mirrors = opened.mirrors;
    this.absent = opened.absent;
    this.#options = options;
    this.#limits = limits;
    const { monitor } = options;
    this.#channels = opened.mirrors.map(
      (mirror) => new MirrorChannel(mirror, { monitor, ...limits }),
    );
    this.#gate = new ByteGate(limits.bytesInFlightMax);
  }

  /**
   * Reads the markers and takes over the stores, unless it throws: `Usage` (MIRROR_FOREIGN,
   * MIRROR_TWICE, MIRRORS_MIN_INVALID), `NotFound` (REPOSITORY_NOT_FOUND: no place shows anything
   * of it), `Unavailable` (QUORUM_LOST: too few mirrors for writing, or none at all), `Denied`.
   */
  static async open(options: MirrorSetOptions): Promise<MirrorSet> {
    const limits = { ...defaultLimits, ...options.limits };
    const places = options.places.length;
    const mirrorsMin = mirrorsMinOf(options.mirrorsMin, places);
    if (!Number.isInteger(mirrorsMin) || mirrorsMin < 1 || mirrorsMin > places) {
      throw mirrorsMinInvalid(mirrorsMin, places);
    }
    const { markerMsMax, callMsMax } = limits;
    const opened = await openMirrors({ ...options, markerMsMax, callMsMax });
    const { repositoryId, mirrors, absent } = opened;
    if (mirrors.length === 0 || repositoryId === undefined) throw nothingFound(absent);
    if (!options.readOnly && mirrors.length < mirrorsMin) {
      const message = `${mirrors.length} of ${places} mirrors can be reached where ${mirrorsMin} must store each object`;
      throw quorumLost(message, absent, mirrorsMin);
    }
    return new MirrorSet(options, limits, { ...opened, repositoryId, mirrorsMin });
  }

  /**
   * Stores an object in all mirrors at once and resolves when enough have it; `settled` tells when
   * the others are done, and what they owe. Waits first while too many bytes are in flight. The
   * parts must not be changed any more, not even after it rejected.
   *
   * Errors: `Unavailable` (QUORUM_LOST), `Cancelled`, `Denied` (STORE_READ_ONLY).
   */
  async put(key: string, parts: readonly Uint8Array[], options: CallOptions = {}): Promise<Stored> {
    assertObjectKey(key);
    if (this.#options.readOnly) throw storeReadOnly(`The repository ${this.repositoryId}`);
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
    const leave = await this.#gate.enter(bytes, options.signal);
    const write = new QuorumWrite({
      key,
      parts,
      channels: this.#channels,
      mirrorsMin: this.mirrorsMin,
      behindMax: this.#limits.behindMax,
      onDebt: this.#options.onDebt ?? (() => {}),
      signal: options.signal,
    });
    void this.#leaveWhenSettled(write.settled, leave);
    // A write that waits for its turn hears the signal only then.
    const stored = await raceAbort(write.reached, options.signal);
    this.#stored.note(key, stored.stored);
    void stored.settled.then((settled) => this.#noteSettled(key, settled));
    this.#options.onStored?.(key);
    return stored;
  }

  /** Objects that were put since the markers were read. */
  get unconfirmedCount(): number {
    return this.#stored.count;
  }

  /**
   * Before what was put is relied on: reads the markers of the mirrors that took some of it again.
   * A bucket or directory that was taken away in mid-run may have been made anew, empty, by the
   * next write, and told nobody. One whose marker is gone, or another, is down and owed all that it
   * was given since its marker was read. Resolves as soon as enough mirrors with each object have
   * shown their markers; the others go on being asked (`drain` waits for them).
   *
   * Errors: `Unavailable` (QUORUM_LOST: too few mirrors are left for some object), `Cancelled`.
   */
  async confirm({ signal }: CallOptions = {}): Promise<void> {
    const stored = this.#stored;
    const there = new Set<MirrorId>();
    const enough = Promise.withResolvers<void>();
    const looks = this.#channels
      .filter(({ down, mirror }) => down === undefined && stored.areIn(mirror.id))
      .map(async (channel) => {
        const { repositoryId } = this;
        const options = { ...this.#options, ...this.#limits, repositoryId, signal };
        const found = await lookAgain(channel.mirror, options);
        if (found === 'there') there.add(channel.mirror.id);
        if (typeof found === 'object') this.#giveUp(channel, found.gone, stored);
        if (stored.heldByFewer(this.mirrorsMin, there) === undefined) enough.resolve();
      });
    const all = Promise.all(looks);
    this.#track(all.catch(() => {}));
    await raceAbort(Promise.race([enough.promise, all]), signal);
    const gone = this.#channels.filter(({ isGone }) => isGone);
    if (gone.length > 0) await this.#assureWithout(gone, stored);
    this.#stored = new StoredObjects();
  }

  /** Resolves when another object may come in: to be awaited before the next one is made. */
  async ready(options: CallOptions = {}): Promise<void> {
    const leave = await this.#gate.enter(1, options.signal);
    leave();
  }

  /**
   * The bytes of an object from the first mirror whose copy is good; mirrors that did not answer
   * lately come last. Errors: `NotFound` (OBJECT_NOT_FOUND: every mirror says so; absent ones were
   * not asked), `Corrupt` (NO_GOOD_COPY), `Unavailable` (NO_COPY_REACHABLE), `Cancelled`.
   */
  async get(key: string, options: FailoverOptions = {}): Promise<Uint8Array> {
    const [hard, easy] = [true, false].map((isHard) =>
      this.#channels.filter((channel) => channel.isHardToRead === isHard),
    );
    return readFailover(key, options, {
      channels: [...(easy ?? []), ...(hard ?? [])],
      onSuspect: this.#options.onSuspect ?? (() => {}),
    });
  }

  /** The objects of one mirror, as `ObjectStore.list`. */
  list(
    mirror: MirrorId,
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncIterable<ObjectInfo> {
    const found = this.mirrors.find(({ id }) => id === mirror);
    assert(found !== undefined, `There is no mirror ${mirror}`);
    return found.store.list(prefix, options);
  }

  /** Resolves when every mirror is done with every object that was put. Never rejects. */
  async drain(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  status(): MirrorSetStatus {
    return {
      mirrorsMin: this.mirrorsMin,
      mirrors: this.#channels.map(({ mirror, down, behind }) => ({
        id: mirror.id,
        name: mirror.name,
        location: mirror.store.properties.location,
        down,
        behind,
      })),
      absent: this.absent,
      bytesInFlight: this.#gate.bytesInside,
    };
  }

  /** Waits for what is in flight and closes all stores, also those of absent places. */
  async [Symbol.asyncDispose](): Promise<void> {
    await using stores = new AsyncDisposableStack();
    for (const place of this.#options.places) if ('store' in place) stores.use(place.store);
    await this.drain();
  }

  #giveUp(channel: MirrorChannel, why: VersionsError, stored: StoredObjects): void {
    channel.giveUp(why);
    const { id } = channel.mirror;
    // Meanwhile more may have been put.
    const keys = new Set([...stored.keysIn(id), ...this.#stored.keysIn(id)]);
    this.#owedByGone.set(id, keys);
    for (const key of keys) this.#options.onDebt?.(key, id, why);
  }

  #noteSettled(key: string, { stored }: Settled): void {
    this.#stored.note(key, stored);
    for (const { mirror, isGone, down } of this.#channels) {
      const { id } = mirror;
      if (!isGone || down === undefined || !stored.includes(id)) continue;
      // It said so just before it was found to be gone.
      if (this.#owedByGone.get(id)?.has(key) !== true) this.#options.onDebt?.(key, id, down);
    }
  }

  /** Throws unless enough other mirrors hold, or get, what the quorum had stored. */
  async #assureWithout(gone: readonly MirrorChannel[], stored: StoredObjects): Promise<void> {
    const left = this.#channels.filter(({ isGone }) => !isGone).map(({ mirror }) => mirror.id);
    const short = (): string | undefined => stored.heldByFewer(this.mirrorsMin, new Set(left));
    // What is still on its way to the others may be enough.
    if (short() !== undefined) await this.drain();
    const key = short();
    if (key === undefined) return;
    const failures = gone.map(({ mirror: { name }, down }) => ({ name, error: down }));
    const message = `${key} is stored in fewer than ${this.mirrorsMin} mirrors`;
    throw quorumLost(message, failures, this.mirrorsMin);
  }

  async #leaveWhenSettled(settled: Promise<Settled>, leave: () => void): Promise<void> {
    this.#track(settled);
    await settled;
    leave();
  }

  #track(work: Promise<unknown>): void {
    this.#inFlight.add(work);
    void work.then(() => this.#inFlight.delete(work));
  }
}

const defaultLimits: MirrorLimits = {
  behindMax: 4,
  failuresMax: 3,
  bytesInFlightMax: 96 * 1024 * 1024,
  callMsMax: 10 * 60_000,
  markerMsMax: 60_000,
};

/** Nothing at all can be used: is it that nothing is there, or that nobody answers? */
function nothingFound(absent: readonly AbsentPlace[]): VersionsError {
  if (absent.every(({ error }) => emptyCodes.has(error.code))) return repositoryNotFound(absent);
  const [first] = absent;
  const sameKind = absent.every(({ error }) => error.kind === first?.error.kind);
  if (first !== undefined && sameKind && first.error.kind !== 'Unavailable') return first.error;
  return quorumLost('No mirror can be reached', absent, 1);
}

const emptyCodes: ReadonlySet<string> = new Set(['OBJECT_NOT_FOUND', 'STORE_ABSENT']);
