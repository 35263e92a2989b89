import type { Ledger, LedgerCopy } from '../catalog/index.ts';
import { isVersionsError, type VersionsError } from '../errors/index.ts';
import type { SeenCopy } from './verify-mirrors.ts';

const dayMs = 24 * 3_600_000;
/** A copy that was good is looked at again after so long; one that was not, or seemed not, the next day. */
const goodMs = 30 * dayMs;
const batchMax = 500;

/**
 * Notes in the ledger what verifying has learnt. The ledger is a hint: that it cannot be written
 * stops nothing, and is told once.
 */
export class HealthRecorder {
  readonly #ledger: Ledger;
  readonly #now: number;
  readonly #onFailure: (error: VersionsError) => void;
  #batch: LedgerCopy[] = [];
  #failed = false;

  constructor(ledger: Ledger, now: number, onFailure: (error: VersionsError) => void) {
    this.#ledger = ledger;
    this.#now = now;
    this.#onFailure = onFailure;
  }

  async add({ mirror, object, bad, isDoubtful }: SeenCopy): Promise<void> {
    // That it could not be read says nothing of the copy; without a marker, nobody knows whose it is.
    if (bad === 'unreadable' || bad === 'archived' || this.#failed || mirror.isUnmarked) return;
    const isMissing = bad === 'missing';
    const state = bad === undefined ? 'stored' : isMissing ? 'debt' : 'damaged';
    this.#batch.push({
      object: object.key,
      bytes: object.bytes ?? 0,
      life: 'live',
      mirror: mirror.id,
      state,
      lastVerified: isMissing ? undefined : this.#now,
      nextDue: this.#now + (bad === undefined && isDoubtful !== true ? goodMs : dayMs),
    });
    if (this.#batch.length >= batchMax) await this.flush();
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    if (batch.length === 0 || this.#failed) return;
    try {
      await this.#ledger.record(batch);
    } catch (error) {
      if (!isVersionsError(error) || error.kind === 'Internal') throw error;
      this.#failed = true;
      this.#onFailure(error);
    }
  }
}
