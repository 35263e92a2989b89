import { catalogDamaged, catalogForeign, catalogMissing, catalogTooNew } from './catalog-errors.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

/** "VERS": tells a catalog from other programs' databases. */
const applicationId = 0x56455253;
const schemaVersion = 1;

/**
 * Payloads stand in a table of their own, so that dropping them leaves the rows untouched. The
 * triggers keep other programs and later mistakes of our own from breaking what every client
 * relies on.
 */
const schema = `
  CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL,
    value ANY NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE entries (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    lineage BLOB NOT NULL CHECK (length(lineage) = 16),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    bytes BLOB NOT NULL
  ) STRICT;

  CREATE TRIGGER entries_follow BEFORE INSERT ON entries
  WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM entries)
  BEGIN SELECT RAISE(ABORT, 'entries have no gaps'); END;

  CREATE TRIGGER entries_stay BEFORE DELETE ON entries
  BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;

  CREATE TRIGGER entries_keep BEFORE UPDATE ON entries
  BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;

  CREATE TABLE payloads (
    number INTEGER PRIMARY KEY REFERENCES entries (number),
    bytes BLOB NOT NULL
  ) STRICT;

  CREATE TABLE copies (
    object TEXT NOT NULL,
    mirror BLOB NOT NULL CHECK (length(mirror) = 16),
    bytes INTEGER NOT NULL,
    state TEXT NOT NULL,
    last_verified INTEGER,
    next_due INTEGER,
    PRIMARY KEY (object, mirror)
  ) STRICT, WITHOUT ROWID;

  CREATE INDEX copies_not_stored ON copies (state, object, mirror) WHERE state <> 'stored';

  CREATE INDEX copies_due ON copies (mirror, coalesce(next_due, 0), object)
  WHERE state NOT IN ('debt', 'quarantined');

  CREATE TABLE lives (
    object TEXT PRIMARY KEY NOT NULL,
    life TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE leases (
    name TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    token INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    mirror BLOB CHECK (length(mirror) = 16),
    object TEXT,
    by TEXT NOT NULL,
    detail TEXT NOT NULL
  ) STRICT;

  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

/** Makes the tables in a database that holds nothing; leaves a catalog, or anything else, alone. */
export function createSchema(database: SqliteDatabase): void {
  if (!isEmpty(database)) return;
  database.prepareToWrite();
  database.write(() => {
    // Another process may have been faster.
    if (isEmpty(database)) database.exec(schema);
  });
}

/** Throws unless the database is a catalog that this version understands. */
export function checkSchema(database: SqliteDatabase): void {
  const { location } = database;
  const found = pragma(database, 'application_id');
  if (found !== applicationId) {
    throw isEmpty(database) ? catalogMissing(location) : catalogForeign(location);
  }
  const version = pragma(database, 'user_version');
  if (version > schemaVersion) throw catalogTooNew(location, version);
  if (version !== schemaVersion) throw catalogDamaged(location, 'has no version');
}

function isEmpty(database: SqliteDatabase): boolean {
  return (
    pragma(database, 'application_id') === 0 &&
    pragma(database, 'user_version') === 0 &&
    database.get('SELECT 1 FROM sqlite_schema LIMIT 1') === undefined
  );
}

function pragma(database: SqliteDatabase, name: 'application_id' | 'user_version'): number {
  return database.get(`PRAGMA ${name}`)?.number(name) ?? 0;
}
