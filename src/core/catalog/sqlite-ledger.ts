import { fromHex, type MirrorId } from '../base/index.ts';
import type { Lease, LeaseTerm } from './leases.ts';
import type {
  CopyFilter,
  CopyState,
  Ledger,
  LedgerCopy,
  LedgerEvent,
  NextDue,
  ObjectLife,
} from './ledger.ts';
import {
  assertCopy,
  assertEvent,
  assertLimit,
  assertNextDue,
  copyStates,
  isLookedAt,
  objectLives,
  withoutFuture,
} from './ledger-rules.ts';
import type { SqliteDatabase, SqliteRow } from './sqlite-database.ts';
import { SqliteLeases } from './sqlite-leases.ts';

const pageRows = 500;
const eventsMax = 1_000_000;
const dueMax = 1_000_000;
const nothing: Uint8Array = new Uint8Array();
const selectCopy = `
  SELECT object, mirror, bytes, state, last_verified, next_due,
    coalesce((SELECT life FROM lives WHERE lives.object = copies.object), 'live') AS life
  FROM copies`;

/** The ledger of a `SqliteCatalog`. */
export class SqliteLedger implements Ledger {
  readonly #database: SqliteDatabase;
  readonly #leases: SqliteLeases;

  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#leases = new SqliteLeases(database);
  }

  async record(copies: readonly LedgerCopy[]): Promise<void> {
    for (const copy of copies) assertCopy(copy);
    if (copies.length === 0) return;
    this.#database.write(() => {
      for (const copy of copies) {
        this.#database.run(
          `INSERT OR REPLACE INTO copies
           (object, mirror, bytes, state, last_verified, next_due)
           VALUES (?, ?, ?, ?, ?, ?)`,
          copy.object,
          fromHex(copy.mirror),
          copy.bytes,
          copy.state,
          copy.lastVerified ?? null,
          copy.nextDue ?? null,
        );
        if (copy.life !== 'live') this.#setLife(copy.object, copy.life);
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
    const sql = `${selectCopy} WHERE ${where} ORDER BY object, mirror LIMIT ${pageRows}`;
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

  async copiesOf(object: string): Promise<readonly LedgerCopy[]> {
    const sql = `${selectCopy} WHERE object = ? ORDER BY mirror`;
    return this.#database.all(sql, object).map(copyOf);
  }

  async setState(object: string, mirror: MirrorId, state: CopyState, at: number): Promise<void> {
    const lastVerified = isLookedAt(state) ? at : undefined;
    assertCopy({ object, bytes: 0, life: 'live', mirror, state, lastVerified });
    this.#database.run(
      `INSERT INTO copies (object, mirror, bytes, state, last_verified)
       VALUES (?, ?, 0, ?, ?)
       ON CONFLICT (object, mirror) DO UPDATE SET
         state = excluded.state,
         last_verified = coalesce(excluded.last_verified, last_verified)`,
      object,
      fromHex(mirror),
      state,
      lastVerified ?? null,
    );
  }

  async due(mirror: MirrorId, now: number, limit: number): Promise<readonly LedgerCopy[]> {
    assertLimit(limit);
    // The expressions are those of the index `copies_due`, so that it is used.
    const sql = `${selectCopy}
      WHERE mirror = ? AND state NOT IN ('debt', 'quarantined') AND coalesce(next_due, 0) <= ?
        AND NOT EXISTS
          (SELECT 1 FROM lives WHERE lives.object = copies.object AND life = 'swept')
      ORDER BY coalesce(next_due, 0), object LIMIT ?`;
    return this.#database.all(sql, fromHex(mirror), now, Math.min(limit, dueMax)).map(copyOf);
  }

  async setDue(copies: readonly NextDue[]): Promise<void> {
    for (const copy of copies) assertNextDue(copy);
    if (copies.length === 0) return;
    const sql = 'UPDATE copies SET next_due = ? WHERE object = ? AND mirror = ?';
    this.#database.write(() => {
      for (const { object, mirror, nextDue } of copies) {
        this.#database.run(sql, nextDue, object, fromHex(mirror));
      }
    });
  }

  async takeClaims(): Promise<number> {
    return 0;
  }

  async lifeOf(object: string): Promise<ObjectLife> {
    const row = this.#database.get('SELECT life FROM lives WHERE object = ?', object);
    return row?.word('life', objectLives) ?? 'live';
  }

  async setLife(objects: readonly string[], life: ObjectLife): Promise<void> {
    if (objects.length === 0) return;
    this.#database.write(() => {
      for (const object of objects) {
        this.#setLife(object, life);
        if (life === 'swept') this.#database.run('DELETE FROM copies WHERE object = ?', object);
      }
    });
  }

  acquireLease(name: string, holder: string, term: LeaseTerm): Promise<Lease> {
    return this.#leases.acquireLease(name, holder, term);
  }

  renewLease(lease: Lease, term: LeaseTerm): Promise<Lease> {
    return this.#leases.renewLease(lease, term);
  }

  releaseLease(lease: Lease): Promise<void> {
    return this.#leases.releaseLease(lease);
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

  #setLife(object: string, life: ObjectLife): void {
    const sql =
      life === 'live'
        ? "DELETE FROM lives WHERE object = ?1 AND life <> 'swept'"
        : `INSERT INTO lives (object, life) VALUES (?1, '${life}')
           ON CONFLICT (object) DO UPDATE SET life = excluded.life WHERE life <> 'swept'`;
    this.#database.run(sql, object);
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
