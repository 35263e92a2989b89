import type { MirrorId, RepositoryId } from '../base/index.ts';
import type { Ledger, LedgerCopy } from '../catalog/index.ts';
import { messageBytesMax, messageCopiesMax, type WorkMessage } from './work-message.ts';

/** One mirror, and what reading from it costs. */
export interface PlannedMirror {
  readonly id: MirrorId;
  readonly name: string;
  readonly dollarsPerGib: number;
  readonly dollarsPerRead: number;
}

export interface PlanVerificationOptions {
  readonly repository: RepositoryId;
  readonly mirrors: readonly PlannedMirror[];
  readonly now: number;
  /** What the copies of this run may have and cost in all. A run asks for one copy at least. */
  readonly bytesMax: number;
  readonly dollarsMax: number;
  /** How long until copies that were handed out are handed out again, if nobody reports on them. */
  readonly againMs: number;
  readonly send: (message: WorkMessage) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/** What one run asked for. */
export interface VerificationPlan {
  readonly copies: number;
  readonly bytes: number;
  readonly dollars: number;
  readonly messages: number;
  /** Names of the mirrors where more was due than the budget allowed. */
  readonly more: readonly string[];
}

/** Copies read from the ledger at once: few at first, since a small budget ends soon. */
const firstPageCopies = 125;
const pageCopiesMax = 1000;
/** Taken for a copy whose size nobody has noted: that of a pack. */
const unknownBytes = 16 * 1024 * 1024;
/** What one run hands out at most, so that its memory is bounded whatever the budget. */
const copiesMax = 100_000;
const gib = 1024 ** 3;

/**
 * Hands out what is due, those copies first that have waited longest. Mirrors take turns, a message
 * each, so that none of them uses up the budget of the others; which of them begins changes from
 * run to run. Copies are put off as soon as they were handed out: so what nobody can verify goes to
 * the end of the line. Takes time and memory by what it hands out, not by what there is.
 */
export async function planVerification(
  ledger: Pick<Ledger, 'due' | 'setDue'>,
  options: PlanVerificationOptions,
): Promise<VerificationPlan> {
  const budget = new Budget(options);
  const lines = inTurn(options.mirrors, options.now).map(
    (mirror) => new Line(mirror, ledger, options.now),
  );
  const open = new Set(lines);
  const more: string[] = [];
  while (open.size > 0) {
    for (const line of open) {
      options.signal?.throwIfAborted();
      const { copies, end } = await takeMessage(line, budget);
      if (end !== undefined) open.delete(line);
      if (end === 'budget') more.push(line.mirror.name);
      if (copies.length === 0) continue;
      const { id: mirror } = line.mirror;
      const work = copies.map(({ object, bytes }) => ({ object, bytes }));
      await options.send({ repository: options.repository, mirror, copies: work });
      budget.messages += 1;
      // After sending: a copy that is asked for twice costs a read, one that is forgotten a rotation.
      const nextDue = options.now + options.againMs;
      await ledger.setDue(copies.map(({ object }) => ({ object, mirror, nextDue })));
    }
  }
  const { copies, bytes, dollars, messages } = budget;
  return { copies, bytes, dollars, messages, more };
}

/** The mirrors, beginning with another one each hour. */
function inTurn(mirrors: readonly PlannedMirror[], now: number): readonly PlannedMirror[] {
  const start = Math.floor(now / 3_600_000) % Math.max(1, mirrors.length);
  return [...mirrors.slice(start), ...mirrors.slice(0, start)];
}

interface Taken {
  readonly copies: readonly LedgerCopy[];
  /** Why nothing more can be taken from the line. */
  readonly end?: 'drained' | 'budget' | undefined;
}

/** As many copies of a mirror as fit into one message and into the budget. */
async function takeMessage(line: Line, budget: Budget): Promise<Taken> {
  const copies: LedgerCopy[] = [];
  let bytes = 0;
  for (;;) {
    const next = await line.peek();
    if (next === undefined) return { copies, end: 'drained' };
    const nextBytes = sizeOf(next);
    if (copies.length === messageCopiesMax) return { copies };
    if (copies.length > 0 && bytes + nextBytes > messageBytesMax) return { copies };
    if (!budget.take(nextBytes, line.mirror)) return { copies, end: 'budget' };
    line.take();
    copies.push(next);
    bytes += nextBytes;
  }
}

function sizeOf({ bytes }: LedgerCopy): number {
  return bytes === 0 ? unknownBytes : bytes;
}

/** What is left of the budget, and what was taken from it. */
class Budget {
  copies = 0;
  bytes = 0;
  dollars = 0;
  messages = 0;
  readonly #bytesMax: number;
  readonly #dollarsMax: number;

  constructor({ bytesMax, dollarsMax }: PlanVerificationOptions) {
    this.#bytesMax = bytesMax;
    this.#dollarsMax = dollarsMax;
  }

  /** The first copy is always allowed: else one that is larger than the budget would wait for ever. */
  take(bytes: number, mirror: PlannedMirror): boolean {
    const dollars = mirror.dollarsPerRead + (bytes / gib) * mirror.dollarsPerGib;
    const fits =
      this.bytes + bytes <= this.#bytesMax &&
      this.dollars + dollars <= this.#dollarsMax &&
      this.copies < copiesMax;
    if (!fits && this.copies > 0) return false;
    this.copies += 1;
    this.bytes += bytes;
    this.dollars += dollars;
    return true;
  }
}

/** The copies of one mirror that are due, each once, read from the ledger a page at a time. */
class Line {
  readonly mirror: PlannedMirror;
  readonly #ledger: Pick<Ledger, 'due'>;
  readonly #now: number;
  /** A ledger may go on to show for some seconds what was put off. */
  readonly #taken: Set<string> = new Set();
  #page: readonly LedgerCopy[] = [];
  #pageCopies = firstPageCopies;
  #position = 0;
  #ended = false;

  constructor(mirror: PlannedMirror, ledger: Pick<Ledger, 'due'>, now: number) {
    this.mirror = mirror;
    this.#ledger = ledger;
    this.#now = now;
  }

  async peek(): Promise<LedgerCopy | undefined> {
    if (this.#position === this.#page.length && !this.#ended) await this.#nextPage();
    return this.#page[this.#position];
  }

  take(): void {
    const copy = this.#page[this.#position++];
    if (copy !== undefined) this.#taken.add(copy.object);
  }

  async #nextPage(): Promise<void> {
    const copies = this.#pageCopies;
    this.#pageCopies = Math.min(2 * copies, pageCopiesMax);
    for (const limit of new Set([copies, this.#taken.size + copies])) {
      const due = await this.#ledger.due(this.mirror.id, this.#now, limit);
      this.#page = due.filter(({ object }) => !this.#taken.has(object));
      this.#position = 0;
      if (this.#page.length > 0) return;
      if (due.length < limit) break;
    }
    this.#ended = true;
  }
}
