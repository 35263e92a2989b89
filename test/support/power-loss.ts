import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deserialize } from 'node:v8';
import type { PowerEvent } from './power-record.ts';
import type { SeededRandom } from './seeded-random.ts';

/**
 * Which of what was not made durable has reached the disk before the power went: nothing; the names
 * without the contents; the contents without the names; or anything, as drawn.
 */
export const powerLosses = ['nothing', 'names', 'contents', 'anything'] as const;
export type PowerLoss = (typeof powerLosses)[number];

type NameEvent = Extract<PowerEvent, { kind: 'link' | 'unlink' | 'rename' | 'mkdir' }>;

/** A file by its number, a directory, or nothing. */
type Named = number | 'directory' | undefined;

/** What is on a disk, and what is only on its way there. */
export class PowerDisk {
  /** Names that are not in it are as they were before the first event. */
  readonly #names: Map<string, Named> = new Map();
  readonly #pending: { readonly at: number; readonly event: NameEvent }[] = [];
  readonly #contents: Map<number, Uint8Array[]> = new Map();
  readonly #synced: Map<number, number> = new Map();
  readonly #databases: Map<string, Uint8Array | undefined> = new Map();
  #events = 0;

  apply(event: PowerEvent): void {
    const at = this.#events;
    this.#events += 1;
    switch (event.kind) {
      case 'adopt':
        this.#names.set(event.path, event.file);
        this.#contents.set(event.file, [event.bytes]);
        this.#synced.set(event.file, 1);
        return;
      case 'content':
        this.#contents.set(event.file, [...(this.#contents.get(event.file) ?? []), event.bytes]);
        return;
      case 'sync':
        this.#synced.set(event.file, Math.max(this.#synced.get(event.file) ?? 0, event.contents));
        return;
      case 'sync-directory':
        this.#syncNames(event.path, event.events);
        return;
      case 'database':
        this.#databases.set(event.path, event.bytes);
        return;
      default:
        this.#pending.push({ at, event });
    }
  }

  /** Makes a root, which holds what was there before all events, as it is after the loss. */
  lose(root: string, loss: PowerLoss, random: SeededRandom): void {
    const isKept = (): boolean =>
      loss === 'names' || (loss === 'anything' && random.below(2) === 0);
    const names = new Map(this.#names);
    for (const { event } of this.#pending) if (isKept()) applyName(names, event);
    for (const [path, named] of names) {
      const isThere = named === 'directory' && existsSync(join(root, path));
      if (!isThere) rmSync(join(root, path), { recursive: true, force: true });
    }
    for (const [path, named] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
      // What lies in a directory whose own name was lost is lost with it.
      if (named === undefined || !existsSync(dirname(join(root, path)))) continue;
      if (named === 'directory') mkdirSync(join(root, path), { recursive: true });
      else writeFileSync(join(root, path), this.#contentOf(named, loss, random));
    }
    for (const [path, bytes] of this.#databases) {
      rmSync(join(root, path), { force: true });
      // SQLite makes its own name durable, and not those of the directories above.
      const isThere = existsSync(dirname(join(root, path)));
      if (isThere && bytes !== undefined) writeFileSync(join(root, path), bytes);
    }
  }

  #syncNames(directory: string, before: number): void {
    for (const pending of this.#pending.filter(({ at }) => at < before)) {
      const { event } = pending;
      if (dirname(event.kind === 'rename' ? event.to : event.path) !== directory) continue;
      applyName(this.#names, event);
      this.#pending.splice(this.#pending.indexOf(pending), 1);
    }
  }

  #contentOf(file: number, loss: PowerLoss, random: SeededRandom): Uint8Array {
    const contents = this.#contents.get(file) ?? [];
    const synced = this.#synced.get(file) ?? 0;
    const durable = contents[synced - 1] ?? new Uint8Array(0);
    const last = contents.at(-1) ?? durable;
    if (loss === 'contents') return last;
    if (loss !== 'anything' || synced === contents.length) return durable;
    const reached = contents[synced + random.below(contents.length - synced)] ?? last;
    // What comes behind it may be cut off anywhere, or be there as zeros.
    const torn = reached.slice();
    const keep = durable.byteLength + random.below(torn.byteLength - durable.byteLength + 1);
    if (random.below(2) === 0) return torn.subarray(0, Math.max(0, keep));
    return keep < 0 ? torn : torn.fill(0, keep);
  }
}

function applyName(names: Map<string, Named>, event: NameEvent): void {
  switch (event.kind) {
    case 'link':
      names.set(event.path, event.file);
      return;
    case 'mkdir':
      names.set(event.path, 'directory');
      return;
    case 'unlink':
      names.set(event.path, undefined);
      return;
    default:
      names.set(event.from, undefined);
      names.set(event.to, event.file);
  }
}

/** The events of a log of the recorder. */
export function readPowerLog(path: string): readonly PowerEvent[] {
  const bytes = readFileSync(path);
  const events: PowerEvent[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const end = at + 4 + bytes.readUInt32LE(at);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the recorder wrote it
    events.push(deserialize(bytes.subarray(at + 4, end)) as PowerEvent);
    at = end;
  }
  return events;
}

export interface PowerCut {
  /** After so many events. */
  readonly after: number;
  readonly loss: PowerLoss;
}

/** Copies what was there before, and does to it what a power cut leaves of the events. */
export function cutPower(
  before: string,
  root: string,
  events: readonly PowerEvent[],
  cut: PowerCut & { readonly random: SeededRandom },
): void {
  cpSync(before, root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  const disk = new PowerDisk();
  for (const event of events.slice(0, cut.after)) disk.apply(event);
  disk.lose(root, cut.loss, cut.random);
}
