import type { MirrorId } from '../base/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import { cancelled } from '../store/index.ts';
import type { MirrorChannel } from './mirror-channel.ts';
import { mirrorBehind, type MirrorFailure, quorumLost } from './mirror-errors.ts';

/** A mirror that lacks an object which the quorum has stored. */
export interface Debt {
  readonly mirror: MirrorId;
  readonly error: VersionsError;
}

/** What became of an object in the end. */
export interface Settled {
  readonly stored: readonly MirrorId[];
  readonly debts: readonly Debt[];
}

export interface Stored {
  /** The mirrors that have the object so far: at least as many as must. */
  readonly stored: readonly MirrorId[];
  /** Resolves when the last mirror is done with the object; never rejects. */
  readonly settled: Promise<Settled>;
}

export interface QuorumWriteOptions {
  readonly key: string;
  readonly parts: readonly Uint8Array[];
  readonly channels: readonly MirrorChannel[];
  readonly mirrorsMin: number;
  /** A mirror that is more objects behind than this is spared. */
  readonly behindMax: number;
  readonly onDebt: (key: string, mirror: MirrorId, error: VersionsError) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One object on its way to all mirrors.
 *
 * 1. It goes to every mirror at once, except those that are down and those too far behind.
 * 2. As soon as enough have it, `reached` resolves. From then on it is owed to whoever lacks it.
 * 3. As soon as too few can still get it, those that were spared are asked after all; if that is
 *    not enough, `reached` rejects. Mirrors that got it keep it; no entry will name it.
 */
export class QuorumWrite {
  /** Settles with the quorum; rejects with `Unavailable` (QUORUM_LOST) or `Cancelled`. */
  readonly reached: Promise<Stored>;
  /** Resolves when the last mirror is done; never rejects. */
  readonly settled: Promise<Settled>;
  readonly #options: QuorumWriteOptions;
  readonly #stored: MirrorId[] = [];
  readonly #failures: (MirrorFailure & { readonly mirror: MirrorId })[] = [];
  readonly #debts: Debt[] = [];
  readonly #pending = new Set<MirrorChannel>();
  readonly #reached = Promise.withResolvers<Stored>();
  readonly #settled = Promise.withResolvers<Settled>();
  #spared: readonly MirrorChannel[] = [];
  #state: 'open' | 'reached' | 'lost' = 'open';

  constructor(options: QuorumWriteOptions) {
    this.#options = options;
    this.reached = this.#reached.promise;
    this.settled = this.#settled.promise;
    const willing: MirrorChannel[] = [];
    const spared: MirrorChannel[] = [];
    for (const channel of options.channels) {
      if (channel.down !== undefined) this.#fail(channel, channel.down);
      else (channel.behind > options.behindMax ? spared : willing).push(channel);
    }
    this.#spared = spared;
    for (const channel of willing) this.#start(channel);
    this.#advance();
  }

  #start(channel: MirrorChannel): void {
    const { key, parts, signal } = this.#options;
    this.#pending.add(channel);
    channel.write(key, parts, { signal }).then(
      () => this.#end(channel, () => this.#stored.push(channel.mirror.id)),
      (error: unknown) => this.#end(channel, () => this.#fail(channel, error)),
    );
  }

  #end(channel: MirrorChannel, record: () => void): void {
    this.#pending.delete(channel);
    if (this.#state === 'reached') channel.behind -= 1;
    record();
    this.#advance();
  }

  #fail(channel: MirrorChannel, error: unknown): void {
    const { id, name } = channel.mirror;
    if (this.#state === 'reached') this.#owe(id, error);
    else this.#failures.push({ mirror: id, name, error });
  }

  #advance(): void {
    const { mirrorsMin } = this.#options;
    if (this.#state === 'open') {
      if (this.#stored.length >= mirrorsMin) this.#reach();
      else if (this.#stored.length + this.#pending.size < mirrorsMin) this.#askTheSparedOrLose();
    }
    if (this.#pending.size === 0 && this.#state !== 'open') {
      this.#settled.resolve({ stored: this.#stored, debts: this.#debts });
    }
  }

  #reach(): void {
    this.#state = 'reached';
    for (const channel of this.#pending) channel.behind += 1;
    this.#reached.resolve({ stored: [...this.#stored], settled: this.settled });
    for (const { mirror, error } of this.#failures) this.#owe(mirror, error);
    for (const { mirror, behind } of this.#spared) {
      this.#owe(mirror.id, mirrorBehind(mirror.name, this.#options.key, behind));
    }
  }

  #askTheSparedOrLose(): void {
    const { signal, mirrorsMin, key } = this.#options;
    const fatal = this.#failures.find(({ error }) => !isVersionsError(error) || isFatal(error));
    const missing = mirrorsMin - this.#stored.length - this.#pending.size;
    if (signal?.aborted !== true && fatal === undefined && this.#spared.length >= missing) {
      // The least far behind first, and no more than are needed.
      const byDistance = this.#spared.toSorted((a, b) => a.behind - b.behind);
      this.#spared = byDistance.slice(missing);
      for (const channel of byDistance.slice(0, missing)) this.#start(channel);
      return;
    }
    this.#state = 'lost';
    if (signal?.aborted === true) this.#reached.reject(cancelled(signal));
    else if (fatal !== undefined) this.#reached.reject(fatal.error);
    else {
      const message = `${key} is stored in ${this.#stored.length} mirrors where ${mirrorsMin} must have it`;
      this.#reached.reject(quorumLost(message, this.#failures, mirrorsMin));
    }
  }

  #owe(mirror: MirrorId, cause: unknown): void {
    const { key, onDebt } = this.#options;
    const error = isVersionsError(cause)
      ? cause
      : new VersionsError('Internal', 'MIRROR_WRITE_FAILED', errorMessage(cause), { cause });
    this.#debts.push({ mirror, error });
    onDebt(key, mirror, error);
  }
}

/** Not the mirror's fault: it would fail everywhere. */
function isFatal(error: VersionsError): boolean {
  return error.kind === 'Internal' || error.kind === 'Cancelled';
}
