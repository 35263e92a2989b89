import { rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

/**
 * What one run knows of more things than memory should hold: a database on disk, made at the first
 * use and removed in the end. Nothing of it survives a crash, as nothing of it is of use then.
 */
export class ScratchDatabase<Name extends string> implements Disposable {
  readonly #path: string;
  readonly #tables: string;
  readonly #sql: Readonly<Record<Name, string>>;
  #open:
    | { readonly database: DatabaseSync; readonly statements: Map<Name, StatementSync> }
    | undefined;

  /** `path`: a file that does not exist; `tables`: SQL that makes them; `sql`: statements by name. */
  constructor(path: string, tables: string, sql: Readonly<Record<Name, string>>) {
    this.#path = path;
    this.#tables = tables;
    this.#sql = sql;
  }

  /** False while nothing was asked of it: then it holds nothing. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  statement(name: Name): StatementSync {
    this.#open ??= { database: this.#make(), statements: new Map() };
    const { database, statements } = this.#open;
    const known = statements.get(name);
    if (known !== undefined) return known;
    const prepared = database.prepare(this.#sql[name]);
    statements.set(name, prepared);
    return prepared;
  }

  [Symbol.dispose](): void {
    if (this.#open === undefined) return;
    this.#open.database.close();
    this.#open = undefined;
    rmSync(this.#path, { force: true });
  }

  #make(): DatabaseSync {
    const database = new DatabaseSync(this.#path);
    // One transaction that never ends.
    database.exec(`
      PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8192;
      ${this.#tables}
      BEGIN;`);
    return database;
  }
}
