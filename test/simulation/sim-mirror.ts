import { VersionsError } from '../../src/core/index.ts';
import { type ObjectInfo, type ObjectStore, MemoryStore } from '../../src/core/store/index.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { SimProcess } from './sim-process.ts';

/** What is the matter with a mirror. */
export type Ailment = 'none' | 'down' | 'old' | 'empty' | 'lying';

/** A mirror of the simulated world: what it holds outlives every process. */
export class SimMirror {
  readonly name: string;
  ailment: Ailment = 'none';
  /** In the order in which they were put last. */
  objects: Map<string, Uint8Array> = new Map();
  /** What it held at some time before. */
  #copy: Map<string, Uint8Array> = new Map();

  constructor(name: string) {
    this.name = name;
  }

  keepCopy(): void {
    this.#copy = new Map(this.objects);
  }

  get hasCopy(): boolean {
    return this.#copy.size > 0;
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
    const read = bytes.slice(offset, offset + length);
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
    const known = [...objects].slice(0, ailment === 'lying' ? -6 : objects.size);
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
    if (this.#mirror.ailment === 'down') throw unavailable(`${name} is down`);
    const fault = this.#process.drawFault(what, name);
    if (fault === 'before') throw unavailable(what);
    return () => {
      this.#process.answered();
      if (fault === 'after') throw unavailable(`the answer to ${what} was lost`);
    };
  }

  /** Damaged, cut off, or some other object. The marker is believed, or it would be no mirror. */
  #lie(key: string, bytes: Uint8Array): Uint8Array {
    if (key === 'mirror') return bytes;
    switch (this.#random.below(4)) {
      case 0: {
        const at = this.#random.below(Math.max(1, bytes.byteLength));
        bytes[at] = (bytes[at] ?? 0) ^ 4;
        return bytes;
      }
      case 1:
        return bytes.slice(0, this.#random.below(bytes.byteLength + 1));
      case 2: {
        const others = [...this.#mirror.objects.values()];
        return new Uint8Array(others[this.#random.below(others.length)] ?? bytes);
      }
      default:
        return bytes;
    }
  }
}
