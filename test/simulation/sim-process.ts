import { cpSync, rmSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { openCatalog } from '../../src/core/catalog/index.ts';
import { type Doors, VersionsError } from '../../src/core/index.ts';
import { RecordingCatalog } from '../support/recording-catalog.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { type SimMirror, storeOf } from './sim-mirror.ts';

export interface SimProcessOptions {
  /** Everything local that outlives the process: catalog, caches, sessions. */
  readonly directory: string;
  readonly mirrors: readonly SimMirror[];
  readonly random: SeededRandom;
  /** It is killed at this call to a mirror or the catalog, counted from 1; 0: never. */
  readonly killAt: number;
  /** Of 1,000 calls to mirrors, so many fail or lose their answer. */
  readonly faultsPerMille: number;
}

/**
 * One run of the program. When it is killed, its directory is kept as it is at that moment, and no
 * call of it reaches anything any more; what its code does on the way out happens to a directory
 * that `bury` throws away.
 */
export class SimProcess {
  readonly doors: Doors;
  calls = 0;
  faults = 0;
  isDead = false;
  readonly #options: SimProcessOptions;

  constructor(options: SimProcessOptions) {
    this.#options = options;
    const { mirrors, random } = options;
    this.doors = {
      openStore: async (url) => {
        const mirror = mirrors.find(({ name }) => name === url);
        if (mirror === undefined) throw new Error(`There is no mirror ${url}`);
        return storeOf(mirror, this, random);
      },
      openCatalog: async (url, catalogOptions) => {
        await this.called();
        const catalog = await openCatalog(url, catalogOptions);
        return new RecordingCatalog(catalog, (method) =>
          // Closing it is what a kill does too.
          method === 'close' ? undefined : this.called(),
        );
      },
    };
  }

  async called(): Promise<void> {
    await breathe();
    if (this.isDead) throw killed();
    this.calls += 1;
    if (this.calls === this.#options.killAt && this.#options.random.below(2) === 0) this.#die();
  }

  /** A call has done its work; the process may die before it hears of it. */
  answered(): void {
    if (!this.isDead && this.calls >= this.#options.killAt && this.#options.killAt > 0) this.#die();
  }

  drawFault(): 'none' | 'before' | 'after' {
    if (this.#options.random.below(1000) >= this.#options.faultsPerMille) return 'none';
    this.faults += 1;
    return this.#options.random.below(2) === 0 ? 'before' : 'after';
  }

  /** To be called when its code has come to an end. */
  bury(): void {
    if (!this.isDead) return;
    const { directory } = this.#options;
    rmSync(directory, { recursive: true, force: true });
    cpSync(`${directory}.killed`, directory, { recursive: true });
    rmSync(`${directory}.killed`, { recursive: true, force: true });
  }

  #die(): never {
    const { directory } = this.#options;
    this.isDead = true;
    rmSync(`${directory}.killed`, { recursive: true, force: true });
    cpSync(directory, `${directory}.killed`, { recursive: true, preserveTimestamps: true });
    throw killed();
  }
}

function killed(): VersionsError {
  return new VersionsError('Unavailable', 'STORE_FAILED', 'Simulated: the process is dead');
}
