import type { MirrorId } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import type { CborValue } from './cbor-reader.ts';
import { bytesOfHex, Fields } from './fields.ts';

/** Something that was done to a copy, or found out about it, by whoever watches the mirrors. */
export interface EventRecord {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: string;
  readonly mirror?: MirrorId | undefined;
  readonly object?: string | undefined;
  readonly by: string;
  readonly detail: string;
}

/** What a ledger told, so that it outlives the catalog; a reader may pass it over. */
export interface EventsRecord {
  readonly type: 'events';
  /** Oldest first. */
  readonly events: readonly EventRecord[];
}

/** The map that stands for the record. */
export function eventsValue({ type, events }: EventsRecord): Record<string, unknown> {
  const values = events.map(({ at, kind, mirror, object, by, detail }) => ({
    at,
    kind,
    mirror: mirror && bytesOfHex(mirror),
    object,
    by,
    detail,
  }));
  return { type, optional: true, events: values };
}

/** Reads it; what does not fit is the error that `fail` makes. */
export function eventsOfFields(fields: Fields, fail: (why: string) => VersionsError): EventsRecord {
  if (!fields.flag('optional')) throw fail('events are optional');
  const events = fields.array('events').map((value) => eventOfValue(value, fail));
  return { type: 'events', events };
}

function eventOfValue(value: CborValue, fail: (why: string) => VersionsError): EventRecord {
  const fields = new Fields(value, fail);
  return {
    at: fields.integer('at'),
    kind: fields.text('kind'),
    mirror: fields.has('mirror') ? (fields.hex16('mirror') as MirrorId) : undefined,
    object: fields.has('object') ? fields.text('object') : undefined,
    by: fields.text('by'),
    detail: fields.text('detail'),
  };
}
