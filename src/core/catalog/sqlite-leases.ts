import {
  assertTerm,
  endOf,
  leaseKeptMs,
  leaseLost,
  nextLease,
  noHolder,
  type Lease,
  type Leases,
  type LeaseTerm,
} from './leases.ts';
import type { SqliteDatabase } from './sqlite-database.ts';

/** The leases of a `SqliteCatalog`. */
export class SqliteLeases implements Leases {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async acquireLease(name: string, holder: string, term: LeaseTerm): Promise<Lease> {
    return this.#database.write(() => {
      const lease = nextLease(name, holder, term, this.#known(name));
      this.#database.run('DELETE FROM leases WHERE expires_at < ?', term.now - leaseKeptMs);
      this.#database.run(
        'INSERT OR REPLACE INTO leases (name, holder, token, expires_at) VALUES (?, ?, ?, ?)',
        name,
        holder,
        lease.token,
        lease.expiresAt,
      );
      return lease;
    });
  }

  async renewLease(lease: Lease, term: LeaseTerm): Promise<Lease> {
    const { name, holder, token } = lease;
    assertTerm(name, holder, term);
    const renewed = { ...lease, expiresAt: endOf(term) };
    return this.#database.write(() => {
      const known = this.#known(name);
      if (known?.token !== token || known.holder !== holder) throw leaseLost(name);
      const sql = 'UPDATE leases SET expires_at = ? WHERE name = ?';
      this.#database.run(sql, renewed.expiresAt, name);
      return renewed;
    });
  }

  async releaseLease({ name, holder, token }: Lease): Promise<void> {
    const sql = `UPDATE leases SET holder = '${noHolder}' WHERE name = ? AND holder = ? AND token = ?`;
    this.#database.run(sql, name, holder, token);
  }

  #known(name: string): Lease | undefined {
    const row = this.#database.get('SELECT * FROM leases WHERE name = ?', name);
    return (
      row && {
        name,
        holder: row.text('holder'),
        token: row.number('token'),
        expiresAt: row.number('expires_at'),
      }
    );
  }
}
