import { byteStringOf, bytesOfByteString, type ByteString } from '../base/index.ts';
import { assert } from '../errors/index.ts';
import { SpoolFile } from '../files/index.ts';
import { Bell } from './bell.ts';
import { fingerprintBytes } from './fingerprint.ts';

/**
 * What the scan found. A directory is entered before and left after everything below it; its own
 * items come in ascending order of names, but for most directories only just before it is left,
 * because only then it is known whether anything in it changed.
 */
export type ScanEvent =
  | { readonly type: 'enter'; readonly name: ByteString }
  /** Also a directory that was left: then what its entry says of its tree does not count. */
  | {
      readonly type: 'item';
      readonly name: ByteString;
      readonly fingerprint: Uint8Array;
      readonly entry: Uint8Array;
      /** An encoded `EntryIdentity`; mostly empty. */
      readonly identity: Uint8Array;
    }
  /** A file that was queued: its entry is the next result of its class. */
  | {
      readonly type: 'queued';
      readonly name: ByteString;
      readonly fingerprint: Uint8Array;
      readonly priority: number;
      readonly identity: Uint8Array;
    }
  /** A further name of a file, one name of which was given before: it is not read again. */
  | {
      readonly type: 'linked';
      readonly name: ByteString;
      readonly fingerprint: Uint8Array;
      readonly identity: Uint8Array;
    }
  | {
      readonly type: 'leave';
      /** Its items are those of the local state; none were given. */
      readonly same: boolean;
      /** Hash of its items; all zero if it must be looked at again next time. */
      readonly hash: Uint8Array;
      /** The tree that the local state has for it; all zero if it has none. */
      readonly knownTree: Uint8Array;
    }
  /** A directory that could not be read: it has no tree. */
  | { readonly type: 'leave-unreadable' };

const codes = {
  enter: 1,
  item: 2,
  queued: 3,
  leave: 4,
  'leave-unreadable': 5,
  linked: 6,
} as const;
const nameAt = 5;
const hashBytes = 32;

/** The scan's events on disk, read while they are still being written. */
export class ScanEvents {
  readonly #spool: SpoolFile;
  readonly #bell: Bell = new Bell();
  #ended = false;

  constructor(path: string) {
    this.#spool = new SpoolFile(path);
  }

  add(event: ScanEvent): void {
    this.#spool.append(encode(event));
  }

  /** Wakes the reader: events were added. */
  announce(): void {
    this.#bell.ring();
  }

  /** No more will be added. */
  end(): void {
    this.#ended = true;
    this.#bell.ring();
  }

  /** The next event if there is one already. Valid until the next call. */
  next(): ScanEvent | undefined {
    const record = this.#spool.next();
    return record && decode(record);
  }

  /** Waits until more was added; false if that will not happen. */
  async more(): Promise<boolean> {
    if (this.#ended) return this.#spool.pendingCount > 0;
    await this.#bell.next();
    return true;
  }

  /** Waits until everything was added. */
  async all(): Promise<void> {
    while (!this.#ended) await this.#bell.next();
  }

  remove(): void {
    this.#spool.remove();
  }
}

function encode(event: ScanEvent): Uint8Array {
  if (event.type === 'leave-unreadable') return Uint8Array.of(codes[event.type]);
  if (event.type === 'leave') {
    const head = Uint8Array.of(codes.leave, Number(event.same));
    return Buffer.concat([head, event.hash, event.knownTree]);
  }
  if (event.type === 'enter') {
    return Buffer.concat([Uint8Array.of(codes.enter), bytesOfByteString(event.name)]);
  }
  const entry = event.type === 'item' ? event.entry : undefined;
  const { identity } = event;
  const fingerprintAt = nameAt + event.name.length;
  const identityAt = fingerprintAt + fingerprintBytes;
  const entryAt = identityAt + identity.byteLength;
  const record = Buffer.allocUnsafe(entryAt + (entry?.byteLength ?? 0));
  record[0] = codes[event.type];
  record[1] = event.type === 'queued' ? event.priority : 0;
  record.writeUInt16LE(event.name.length, 2);
  record[4] = identity.byteLength;
  record.write(event.name, nameAt, 'latin1');
  record.set(event.fingerprint, fingerprintAt);
  record.set(identity, identityAt);
  if (entry) record.set(entry, entryAt);
  return record;
}

function decode(record: Buffer): ScanEvent {
  const code = record[0];
  if (code === codes['leave-unreadable']) return { type: 'leave-unreadable' };
  if (code === codes.leave)
    return {
      type: 'leave',
      same: record[1] === 1,
      hash: record.subarray(2, 2 + hashBytes),
      knownTree: record.subarray(2 + hashBytes),
    };
  if (code === codes.enter) return { type: 'enter', name: byteStringOf(record.subarray(1)) };
  const fingerprintAt = nameAt + record.readUInt16LE(2);
  const identityAt = fingerprintAt + fingerprintBytes;
  const entryAt = identityAt + (record[4] ?? 0);
  const name = byteStringOf(record.subarray(nameAt, fingerprintAt));
  const fingerprint = record.subarray(fingerprintAt, identityAt);
  const identity = record.subarray(identityAt, entryAt);
  if (code === codes.queued)
    return { type: 'queued', name, fingerprint, identity, priority: record[1] ?? 0 };
  if (code === codes.linked) return { type: 'linked', name, fingerprint, identity };
  assert(code === codes.item, 'A scan event is malformed');
  return { type: 'item', name, fingerprint, identity, entry: record.subarray(entryAt) };
}
