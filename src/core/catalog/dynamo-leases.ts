import { catalogBusy, catalogReadOnly } from './catalog-errors.ts';
import { number, text, type DynamoItem } from './dynamo-item.ts';
import { PartitionRights, type PartitionPrefix } from './dynamo-rights.ts';
import { partitions } from './dynamo-schema.ts';
import type { DynamoTable, ItemKey } from './dynamo-table.ts';
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

/** Tries to take a lease that others keep taking and giving back in between. */
const triesMax = 32;
const isStillHeld = '#token = :token AND #holder = :holder';
const leaseNames = { '#token': 'token', '#holder': 'holder' };

/**
 * The leases of a `DynamoCatalog`: an item each, and one conditional write for every change. Those of
 * clients who may not take the workers' keep nobody else from work.
 */
export class DynamoLeases implements Leases {
  readonly #table: DynamoTable;
  readonly #isReadOnly: boolean;
  readonly #rights: PartitionRights = new PartitionRights();

  constructor(table: DynamoTable, { readOnly }: { readonly readOnly: boolean }) {
    this.#table = table;
    this.#isReadOnly = readOnly;
  }

  async acquireLease(name: string, holder: string, term: LeaseTerm): Promise<Lease> {
    assertTerm(name, holder, term);
    this.#assertWritable();
    return this.#rights.write((prefix) => this.#acquire(prefix, name, holder, term));
  }

  async #acquire(
    prefix: PartitionPrefix,
    name: string,
    holder: string,
    term: LeaseTerm,
  ): Promise<Lease> {
    let tried: Lease | undefined;
    for (let attempt = 1; attempt <= triesMax; attempt += 1) {
      const item = await this.#table.get(keyOfLease(prefix, name));
      const known = item && leaseOf(name, item);
      // The answer to the last try was lost, and it had succeeded.
      if (tried !== undefined && known?.token === tried.token && known.holder === holder)
        return tried;
      tried = nextLease(name, holder, term, known);
      const isTaken = await this.#table.put(
        itemOf(prefix, tried),
        known === undefined
          ? { expression: 'attribute_not_exists(pk)' }
          : {
              expression: isStillHeld,
              names: leaseNames,
              values: { ':token': number(known.token), ':holder': text(known.holder) },
            },
      );
      if (isTaken) return tried;
    }
    throw catalogBusy(this.#table.location, `is asked for the lease ${name} by too many at once`);
  }

  async renewLease(lease: Lease, term: LeaseTerm): Promise<Lease> {
    assertTerm(lease.name, lease.holder, term);
    this.#assertWritable();
    const renewed = { ...lease, expiresAt: endOf(term) };
    const isRenewed = await this.#change(lease, renewed);
    if (!isRenewed) throw leaseLost(lease.name);
    return renewed;
  }

  async releaseLease(lease: Lease): Promise<void> {
    this.#assertWritable();
    await this.#change(lease, { ...lease, holder: noHolder });
  }

  /** False if somebody else has it meanwhile. */
  #change({ token, holder }: Lease, to: Lease): Promise<boolean> {
    return this.#rights.write((prefix) =>
      this.#table.put(itemOf(prefix, to), {
        expression: isStillHeld,
        names: leaseNames,
        values: { ':token': number(token), ':holder': text(holder) },
      }),
    );
  }

  #assertWritable(): void {
    if (this.#isReadOnly) throw catalogReadOnly(this.#table.location);
  }
}

function keyOfLease(prefix: PartitionPrefix, name: string): ItemKey {
  return { pk: prefix + partitions.leases, sk: name };
}

function itemOf(
  prefix: PartitionPrefix,
  { name, holder, token, expiresAt }: Lease,
): Parameters<DynamoTable['put']>[0] {
  return {
    pk: text(prefix + partitions.leases),
    sk: text(name),
    holder: text(holder),
    token: number(token),
    expiresAt: number(expiresAt),
    // In seconds, as DynamoDB wants it.
    dropAt: number(Math.ceil((expiresAt + leaseKeptMs) / 1000)),
  };
}

function leaseOf(name: string, item: DynamoItem): Lease {
  return {
    name,
    holder: item.text('holder'),
    token: item.number('token'),
    expiresAt: item.number('expiresAt'),
  };
}
