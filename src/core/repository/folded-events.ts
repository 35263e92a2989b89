import type { EventRecord } from '../format/index.ts';

/** As many as this are remembered; each has some hundred bytes. */
const rememberedMax = 8192;

/**
 * The last events that the journal has taken in. One event is told apart from another by everything
 * that it says: ledgers number theirs anew when they are lost, and may be copied.
 */
export class FoldedEvents {
  #events: EventRecord[] = [];
  /** Made when first asked for. */
  #names: Set<string> | undefined;

  /** Oldest first. */
  get latest(): readonly EventRecord[] {
    return this.#events;
  }

  add(events: readonly EventRecord[]): void {
    this.#events.push(...events);
    if (this.#events.length > rememberedMax) this.#events = this.#events.slice(-rememberedMax);
    this.#names = undefined;
  }

  has(event: EventRecord): boolean {
    this.#names ??= new Set(this.#events.map(nameOf));
    return this.#names.has(nameOf(event));
  }

  /** Those that are not among them, each once. */
  lacking(events: readonly EventRecord[]): readonly EventRecord[] {
    const fresh = events.filter((event) => !this.has(event));
    return [...new Map(fresh.map((event) => [nameOf(event), event])).values()];
  }

  /** Those given, and those that only the journal still knows, each once. */
  andThoseOf(events: readonly EventRecord[]): readonly EventRecord[] {
    const given = new Set(events.map((event) => nameOf(eventToFold(event))));
    const others = this.#events.filter((event) => !given.has(nameOf(event)));
    return [...events, ...others.toReversed()];
  }
}

const kindCharsMax = 64;
const byCharsMax = 256;
const objectCharsMax = 256;
const detailCharsMax = 2048;

/** An event as it goes into the journal: anybody who may write to a ledger may write long texts. */
export function eventToFold({ at, kind, mirror, object, by, detail }: EventRecord): EventRecord {
  return {
    at,
    kind: cut(kind, kindCharsMax),
    mirror,
    object: object === undefined ? undefined : cut(object, objectCharsMax),
    by: cut(by, byCharsMax),
    detail: cut(detail, detailCharsMax),
  };
}

/** Whole characters only: what is stored is valid UTF-8. */
function cut(text: string, charsMax: number): string {
  const short = text.length <= charsMax ? text : text.slice(0, charsMax);
  return short.toWellFormed();
}

function nameOf({ at, kind, mirror, object, by, detail }: EventRecord): string {
  return JSON.stringify([at, kind, mirror ?? null, object ?? null, by, detail]);
}
