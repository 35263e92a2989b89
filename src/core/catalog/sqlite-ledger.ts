import { fromHex, type MirrorId } from '../base/index.ts';
import type { CopyFilter, CopyState, Ledger, LedgerCopy, LedgerEvent } from './catalog.ts';
import {
  assertCopy,
  assertEvent,
  copyStates,
  isLookedAt,
  objectLives,
  withoutFuture,
} from './ledger-rules.ts';
import type { SqliteDatabase, SqliteRow } from './sqlite-database.ts';

const pageRows = 500;
const eventsMax = 1_000_000;
const nothing: Uint8Array = new Uint8Array();

/** The ledger of a `SqliteCatalog`. */
export class SqliteLedger implements Ledger {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async record(copies: readonly LedgerCopy[]): Promise<void> {
    for (const copy of copies) assertCopy(copy);
    if (copies.length === 0) return;
    this.#database.write(() => {
      for (const copy of copies) {
        this.#database.run(
          `INSERT OR REPLACE INTO copies
           (object, mirror, bytes, life, state, last_verified, next_due)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
          copy.object,
          fromHex(copy.mirror),
          copy.bytes,
          copy.life,
          copy.state,
          copy.lastVerified ?? null,
          copy.nextDue ?? null,
        );
      }
    });
  }

  async *copies(filter: CopyFilter = {}): AsyncIterable<LedgerCopy> {
    const { mirror, state, now } = filter;
    const conditions = ['(object, mirror) > (?, ?)'];
    const values: (string | Uint8Array)[] = [];
    if (mirror !== undefined) {
      conditions.push('mirror = ?');
      values.push(fromHex(mirror));
    }
    if (state !== undefined) {
      conditions.push('state = ?');
      values.push(state);
      // Said again, because SQLite then uses the index of those few.
      if (state !== 'stored') conditions.push("state <> 'stored'");
    }
    const where = conditions.join(' AND ');
    const sql = `SELECT * FROM copies WHERE ${where} ORDER BY object, mirror LIMIT ${pageRows}`;
    let after: readonly [string, Uint8Array] = ['', nothing];
    for (;;) {
      const page = this.#database.all(sql, ...after, ...values);
      for (const row of page) {
        const copy = copyOf(row);
        after = [copy.object, row.bytes('mirror')];
        yield withoutFuture(copy, now);
      }
      if (page.length < pageRows) return;
    }
  }

  async setState(object: string, mirror: MirrorId, state: CopyState, at: number): Promise<void> {
    const lastVerified = isLookedAt(state) ? at : undefined;
    assertCopy({ object, bytes: 0, life: 'live', mirror, state, lastVerified });
    this.#database.run(
      `INSERT INTO copies (object, mirror, bytes, life, state, last_verified)
       VALUES (?, ?, 0, 'live', ?, ?)
       ON CONFLICT (object, mirror) DO UPDATE SET
         state = excluded.state,
         last_verified = coalesce(excluded.last_verified, last_verified)`,
      object,
      fromHex(mirror),
      state,
      lastVerified ?? null,
    );
  }

  async addEvent(event: LedgerEvent): Promise<void> {
    assertEvent(event);
    this.#database.run(
      'INSERT INTO events (at, kind, mirror, object, by, detail) VALUES (?, ?, ?, ?, ?, ?)',
      event.at,
      event.kind,
      event.mirror === undefined ? null : fromHex(event.mirror),
      event.object ?? null,
      event.by,
      event.detail,
    );
  }

  async events(limit: number): Promise<readonly LedgerEvent[]> {
    const sql = 'SELECT * FROM events ORDER BY id DESC LIMIT ?';
    return this.#database.all(sql, Math.min(Math.max(0, limit), eventsMax)).map(eventOf);
  }
}

function copyOf(row: SqliteRow): LedgerCopy {
  return {
    object: row.text('object'),
    bytes: row.number('bytes'),
    life: row.word('life', objectLives),
    mirror: mirrorOf(row),
    state: row.word('state', copyStates),
    lastVerified: row.optionalNumber('last_verified'),
    nextDue: row.optionalNumber('next_due'),
  };
}

function eventOf(row: SqliteRow): LedgerEvent {
  return {
    at: row.number('at'),
    kind: row.text('kind'),
    mirror: row.isNull('mirror') ? undefined : mirrorOf(row),
    object: row.optionalText('object'),
    by: row.text('by'),
    detail: row.text('detail'),
  };
}

function mirrorOf(row: SqliteRow): MirrorId {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- sixteen bytes, checked by `hex`
  return row.hex('mirror', 16) as MirrorId;
}
