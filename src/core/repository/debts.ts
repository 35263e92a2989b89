import type { MirrorId } from '../base/index.ts';
import type { Catalog, LedgerCopy } from '../catalog/index.ts';
import type { VersionsError } from '../errors/index.ts';

interface Debt {
  readonly object: string;
  readonly mirror: MirrorId;
}

/** Debts that are put into the ledger in one transaction. */
const batch = 1000;

/** Objects that the quorum has and some mirror lacks, as this run caused or met them. */
export class Debts {
  readonly #absent: Set<MirrorId> = new Set();
  readonly #owing: Set<MirrorId> = new Set();
  #unrecorded: Debt[] = [];
  #count = 0;

  /** For `MirrorSet`: an object is owed to a mirror that was there. Never throws. */
  readonly add = (key: string, mirror: MirrorId, _error: VersionsError): void => {
    this.#count += 1;
    this.#owing.add(mirror);
    this.#unrecorded.push({ object: key, mirror });
  };

  /** For `MirrorSet`: an object is stored, so that it is owed to every absent mirror. */
  readonly stored = (key: string): void => {
    for (const mirror of this.#absent) this.#unrecorded.push({ object: key, mirror });
  };

  /** Mirrors of the repository that are not there: from now on they are owed what is stored. */
  oweTo(absent: Iterable<MirrorId>): void {
    for (const mirror of absent) this.#absent.add(mirror);
  }

  /** Objects that are owed to mirrors that are there. */
  get count(): number {
    return this.#count;
  }

  /** The mirrors among those that are there which are owed something. */
  get owing(): ReadonlySet<MirrorId> {
    return this.#owing;
  }

  /** Notes them in the ledger, from which they are paid later. */
  async record({ ledger }: Pick<Catalog, 'ledger'>): Promise<void> {
    while (this.#unrecorded.length > 0) {
      const debts = this.#unrecorded.slice(0, batch);
      await ledger.record(debts.map(debtRow));
      // Only now: what could not be noted is noted with the next call.
      this.#unrecorded = this.#unrecorded.slice(debts.length);
    }
  }
}

/** The ledger's row of an object that a mirror lacks. */
export function debtRow({ object, mirror }: Debt): LedgerCopy {
  return { object, mirror, bytes: 0, life: 'live', state: 'debt' };
}
