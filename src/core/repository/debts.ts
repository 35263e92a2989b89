import type { MirrorId } from '../base/index.ts';
import type { Catalog } from '../catalog/index.ts';
import type { VersionsError } from '../errors/index.ts';

/** Objects that the quorum has and some mirror lacks, as this run caused or met them. */
export class Debts {
  readonly #owed: { readonly key: string; readonly mirror: MirrorId }[] = [];
  #recorded = 0;

  /** For `MirrorSet`: never throws. */
  readonly add = (key: string, mirror: MirrorId, _error: VersionsError): void => {
    this.#owed.push({ key, mirror });
  };

  get count(): number {
    return this.#owed.length;
  }

  /** Notes them in the ledger, from which they are paid later. */
  async record(catalog: Catalog, now: number): Promise<void> {
    while (this.#recorded < this.#owed.length) {
      const debt = this.#owed[this.#recorded++];
      if (debt) await catalog.ledger.setState(debt.key, debt.mirror, 'debt', now);
    }
  }
}
