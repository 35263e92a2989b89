import { cpSync, rmSync } from 'node:fs';
import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import { openCatalog } from '../../src/core/catalog/index.ts';
import { type Doors, VersionsError } from '../../src/core/index.ts';
import { RecordingCatalog } from '../support/recording-catalog.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { type SimMirror, storeOf } from './sim-mirror.ts';
import type { Trouble } from './sim-trouble.ts';

export interface SimProcessOptions extends Trouble {
  /** Everything local that outlives the process: catalog, caches, sessions. */
  readonly directory: string;
  readonly mirrors: readonly SimMirror[];
  readonly random: SeededRandom;
}

/**
 * One run of the program. When it is killed, its directory is kept as it is at that moment, and no
 * call of it reaches anything any more; what its code does on the way out happens to a directory
 * that `bury` throws away.
 */
export class SimProcess {
  readonly doors: Doors;
  /** Of the calls at one of which it is killed. */
  calls = 0;
  faults = 0;
  isDead = false;
  /** It lives on until the call is done at which it is killed. */
  #isOver = false;
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
        await this.called('open');
        const catalog = await openCatalog(url, catalogOptions);
        return new RecordingCatalog(catalog, (method) =>
          // Closing it is what a kill does too.
          method === 'close' ? undefined : this.called(method),
        );
      },
    };
  }

  /** To be awaited before a call is done. */
  async called(what: string, mirror = ''): Promise<void> {
    const { killAt, killCalls, slow, random } = this.#options;
    if (slow?.mirror === mirror && what.startsWith('put ')) await sleep(slow.delayMs);
    else await breathe();
    if (this.isDead) throw killed();
    if (this.#isOver) this.#die();
    if (!what.startsWith(killCalls)) return;
    this.calls += 1;
    if (this.calls !== killAt) return;
    if (random.below(2) === 0) this.#die();
    this.#isOver = true;
  }

  /** A call has done its work; the process may die before it hears of it. */
  answered(): void {
    if (!this.isDead && this.#isOver) this.#die();
  }

  /** Does this call fail, and before or after its work is done? */
  drawFault(what: string, mirror: string): 'none' | 'before' | 'after' {
    const { random, faultsPerMille, faultsIn = mirror, refusal } = this.#options;
    if (refusal?.mirror === mirror && what.startsWith(`put ${refusal.prefix}`)) {
      this.faults += 1;
      return 'before';
    }
    if (faultsIn !== mirror || random.below(1000) >= faultsPerMille) return 'none';
    this.faults += 1;
    return random.below(2) === 0 ? 'before' : 'after';
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
