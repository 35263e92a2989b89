import { createHash } from 'node:crypto';
import { VersionsError } from '../../src/core/index.ts';
import { type ObjectInfo, type ObjectStore, MemoryStore } from '../../src/core/store/index.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SimProcess } from './sim-process.ts';

/** What is the matter with a mirror. */
export type Ailment = 'none' | 'down' | 'old' | 'empty' | 'lying';

/** So many of the objects that were put last are not in a stale list. */
export const hiddenCount = 6;

/** A mirror of the simulated world: what it holds outlives every process. */
export class SimMirror {
  readonly name: string;
  ailment: Ailment = 'none';
  /** In the order in which they were put last. */
  objects: Map<string, Uint8Array> = new Map();
  /** What it held at some time before. */
  #copy: ReadonlyMap<string, Uint8Array> = new Map();
  /** What happens to it, and before which of the calls to come. */
  #turn: { calls: number; readonly happen: () => void } | undefined;
  /** How often it has lied: it never says the same twice. */
  lies = 0;

  constructor(name: string) {
    this.name = name;
  }

  keepCopy(): void {
    this.#copy = new Map(this.objects);
  }

  get hasCopy(): boolean {
    return this.#copy.size > 0;
  }

  get copy(): ReadonlyMap<string, Uint8Array> {
    return this.#copy;
  }

  /** In the middle of whatever goes on then, something happens to it. */
  turnAfter(calls: number, happen: () => void): void {
    this.#turn = { calls, happen };
  }

  /** What has not happened by now will not. */
  turnNoMore(): void {
    this.#turn = undefined;
  }

  /** To be called before each call to it. */
  called(): void {
    const turn = this.#turn;
    if (turn === undefined || --turn.calls > 0) return;
    this.#turn = undefined;
    turn.happen();
  }

  /** From now on it is as it was when the copy was made. */
  comeBackOld(): void {
    this.objects = new Map(this.#copy);
  }

  /** Takes what others hold and it does not, as a sync does. */
  takeFrom(others: readonly SimMirror[]): void {
    for (const other of others) {
      for (const [key, bytes] of other.objects) {
        if (key !== 'mirror' && !this.objects.has(key)) this.objects.set(key, bytes);
      }
    }
  }
}

/** A process's way to a mirror: everything may go wrong on it. */
export function storeOf(mirror: SimMirror, process: SimProcess, random: SeededRandom): ObjectStore {
  return new SimStore(mirror, process, random);
}

const unavailable = (what: string): VersionsError =>
  new VersionsError('Unavailable', 'STORE_FAILED', `Simulated: ${what}`);

class SimStore extends MemoryStore {
  readonly #mirror: SimMirror;
  readonly #process: SimProcess;
  readonly #random: SeededRandom;

  constructor(mirror: SimMirror, process: SimProcess, random: SeededRandom) {
    super({ location: `sim:${mirror.name}` });
    this.#mirror = mirror;
    this.#process = process;
    this.#random = random;
  }

  override async put(key: string, parts: readonly Uint8Array[]): Promise<void> {
    const bytes = new Uint8Array(Buffer.concat(parts));
    const [, hash] = /([0-9a-f]{64})$/.exec(key) ?? [];
    if (hash !== undefined && createHash('sha256').update(bytes).digest('hex') !== hash) {
      throw new Error(`Other bytes were to be written as ${key} of ${this.#mirror.name}`);
    }
    const after = await this.#before(`put ${key}`);
    this.#mirror.objects.delete(key);
    this.#mirror.objects.set(key, bytes);
    after();
  }

  override async get(
    key: string,
    options: {
      readonly range?: { readonly offset: number; readonly length: number } | undefined;
    } = {},
  ): Promise<Uint8Array> {
    const after = await this.#before(`get ${key}`);
    const bytes = this.#mirror.objects.get(key);
    if (bytes === undefined) {
      throw new VersionsError('NotFound', 'OBJECT_NOT_FOUND', `There is no ${key}`);
    }
    after();
    const { offset, length } = options.range ?? { offset: 0, length: bytes.byteLength };
    const read = new Uint8Array(bytes.subarray(offset, offset + length));
    return this.#mirror.ailment === 'lying' ? this.#lie(key, read) : read;
  }

  override async head(key: string): Promise<ObjectInfo | undefined> {
    const after = await this.#before(`head ${key}`);
    const bytes = this.#mirror.objects.get(key);
    after();
    return bytes && { key, bytes: bytes.byteLength };
  }

  override async *list(
    prefix: string,
    options: { readonly after?: string } = {},
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const after = await this.#before(`list ${prefix}`);
    const { objects, ailment } = this.#mirror;
    // A stale list knows nothing of what was put last.
    const known = [...objects].slice(0, ailment === 'lying' ? -hiddenCount : objects.size);
    const listed = known.filter(([key]) => key.startsWith(prefix) && key > (options.after ?? ''));
    for (const [key, { byteLength }] of listed.sort(([a], [b]) => (a < b ? -1 : 1))) {
      yield { key, bytes: byteLength };
    }
    after();
  }

  override async delete(key: string): Promise<void> {
    const after = await this.#before(`delete ${key}`);
    this.#mirror.objects.delete(key);
    after();
  }

  /** What may go wrong before the call has done its work; the result is what may go wrong behind. */
  async #before(what: string): Promise<() => void> {
    const { name } = this.#mirror;
    await this.#process.called(what, name);
    this.#mirror.called();
    if (this.#mirror.ailment === 'down') throw unavailable(`${name} is down`);
    const fault = this.#process.drawFault(what, name);
    if (fault === 'before') throw unavailable(what);
    return () => {
      this.#process.answered();
      if (fault === 'after') throw unavailable(`the answer to ${what} was lost`);
    };
  }

  /**
   * Damaged, cut off, or some other object. The marker is believed, or it would be no mirror; and
   * what was set aside, or nobody would ever take anything away.
   */
  #lie(key: string, bytes: Uint8Array): Uint8Array {
    if (key === 'mirror' || key.startsWith('quarantine/')) return bytes;
    this.#mirror.lies += 1;
    switch (this.#random.below(4)) {
      case 0:
        return rotten(bytes, this.#random);
      case 1:
        return bytes.slice(0, this.#random.below(Math.max(1, bytes.byteLength)));
      case 2: {
        const others = [...this.#mirror.objects.values()];
        return new Uint8Array(others[this.#mirror.lies % others.length] ?? bytes);
      }
      default:
        return bytes;
    }
  }
}

/** So large that to try which bit may have flipped would take seconds. */
const longBytes = 4096;

/** Something in the middle is wrong: a few bits, or in much bytes what a lost sector leaves. */
export function rotten(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const changed = bytes.slice();
  const at = random.below(Math.max(1, changed.byteLength));
  if (bytes.byteLength > longBytes) return changed.fill(0, Math.max(0, at - 200), at + 200);
  changed[at] = (changed[at] ?? 0) ^ (1 + random.below(255));
  return changed;
}
