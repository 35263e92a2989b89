import type { MirrorId } from '../base/index.ts';
import { catalogReadOnly } from './catalog-errors.ts';
import {
  boundsOf,
  copyKey,
  copyOfItem,
  dueAtOf,
  dueListOf,
  dueListsOf,
  dueUpTo,
  itemOfCopy,
  lifeKey,
  ownerOf,
  toCopyName,
} from './dynamo-copies.ts';
import {
  claimKey,
  claimOfItem,
  claimPartition,
  claimsIn,
  dropClaim,
  hasClaims,
  itemOfClaim,
  mergeClaims,
  withClaim,
  type Claim,
} from './dynamo-claims.ts';
import { DynamoEvents } from './dynamo-events.ts';
import { number, text, type Attributes, type DynamoItem } from './dynamo-item.ts';
import { DynamoLeases } from './dynamo-leases.ts';
import { eachAtOnce } from './each-at-once.ts';
import { PartitionRights } from './dynamo-rights.ts';
import { dueIndex, partitions, stateIndex } from './dynamo-schema.ts';
import type { DynamoTable, ItemKey } from './dynamo-table.ts';
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
  isLookedAt,
  isVerifiable,
  objectLives,
  withoutFuture,
} from './ledger-rules.ts';
import { mergeSorted } from './merge-sorted.ts';

const pageItems = 100;

/**
 * The ledger of a `DynamoCatalog`: an item for each copy, and one for each object that is not live.
 * A role that may not write it (docs/threat-model.md) says in a partition of its own what it knows of
 * copies: whoever reads sees both, and a worker takes it over.
 */
export class DynamoLedger implements Ledger {
  readonly #table: DynamoTable;
  readonly #isReadOnly: boolean;
  readonly #leases: DynamoLeases;
  readonly #events: DynamoEvents;
  readonly #rights: PartitionRights = new PartitionRights();
  /** Whether clients have said something that no worker has taken over. */
  #claimed: Promise<boolean> | undefined;

  constructor(table: DynamoTable, { readOnly }: { readonly readOnly: boolean }) {
    this.#table = table;
    this.#isReadOnly = readOnly;
    this.#leases = new DynamoLeases(table, { readOnly });
    this.#events = new DynamoEvents(table);
  }

  async record(copies: readonly LedgerCopy[]): Promise<void> {
    for (const copy of copies) assertCopy(copy);
    this.#assertWritable();
    await this.#rights.write((prefix) =>
      prefix === '' ? this.#table.putAll(copies.map(itemOfCopy)) : this.#claim(copies),
    );
    const lives = new Map(copies.map(({ object, life }) => [object, life]));
    for (const life of ['condemned', 'swept'] as const) {
      const objects = [...lives].filter(([, each]) => each === life).map(([object]) => object);
      await eachAtOnce(objects, (object) => this.#setLife(object, life));
    }
  }

  async *copies(filter: CopyFilter = {}): AsyncIterable<LedgerCopy> {
    const { mirror, state, now } = filter;
    const isListed = state !== undefined && state !== 'stored';
    const found = isListed ? this.#inState(state) : this.#all();
    for await (const copy of found) {
      if (mirror !== undefined && copy.mirror !== mirror) continue;
      if (state === undefined || copy.state === state) yield withoutFuture(copy, now);
    }
  }

  async copiesOf(object: string): Promise<readonly LedgerCopy[]> {
    const [from, to] = boundsOf(object);
    const found: LedgerCopy[] = [];
    const range = this.#range('sk BETWEEN :from AND :to', { ':from': text(from), ':to': text(to) });
    for await (const copy of await this.#withClaims(range, [from, to])) {
      if (copy.object === object) found.push(copy);
    }
    return found;
  }

  async setState(object: string, mirror: MirrorId, state: CopyState, at: number): Promise<void> {
    const lastVerified = isLookedAt(state) ? at : undefined;
    const copy: LedgerCopy = { object, bytes: 0, life: 'live', mirror, state, lastVerified };
    assertCopy(copy);
    this.#assertWritable();
    await this.#rights.write((prefix) =>
      prefix === '' ? this.#putState(copy, lastVerified) : this.#claim([copy]),
    );
  }

  async due(mirror: MirrorId, now: number, limit: number): Promise<readonly LedgerCopy[]> {
    assertLimit(limit);
    if (limit === 0) return [];
    const found: LedgerCopy[] = [];
    const keys = mergeSorted(
      dueListsOf(mirror).map((list) => this.#dueKeys(list, now, limit)),
      (a, b) => (a.dueAt < b.dueAt ? -1 : 1),
    );
    let page: ItemKey[] = [];
    const look = async (): Promise<void> => {
      // The index may be some seconds behind: what counts is what the items say.
      for (const copy of await this.#look(page, 'without claims')) {
        const isDue = (copy.nextDue ?? 0) <= now && isVerifiable(copy.state);
        if (isDue && copy.life !== 'swept' && found.length < limit) found.push(copy);
      }
      page = [];
    };
    for await (const { key } of keys) {
      page.push(key);
      if (page.length >= Math.min(pageItems, limit - found.length)) await look();
      if (found.length >= limit) break;
    }
    await look();
    return found;
  }

  async setDue(copies: readonly NextDue[]): Promise<void> {
    for (const copy of copies) assertNextDue(copy);
    this.#assertWritable();
    const put = async ({ object, mirror, nextDue }: NextDue): Promise<void> => {
      await this.#table.update(
        copyKey(object, mirror),
        {
          expression: 'SET nextDue = :next, dueAt = :at',
          values: { ':next': number(nextDue), ':at': text(dueAtOf(object, nextDue)) },
        },
        'attribute_exists(pk)',
      );
    };
    // When a copy is to be looked at is for workers to say: a client asks by what it says of it.
    await this.#rights.write(async (prefix) => {
      if (prefix === '') await eachAtOnce(copies, put);
    });
  }

  async takeClaims(limit: number): Promise<number> {
    assertLimit(limit);
    this.#assertWritable();
    const claims: Claim[] = [];
    if (limit === 0) return 0;
    for await (const claim of claimsIn(this.#table)) {
      claims.push(claim);
      if (claims.length >= limit) break;
    }
    await eachAtOnce(claims, async (claim) => {
      const { object, mirror } = claim;
      const [known] = await this.#look([copyKey(object, mirror)], 'without claims');
      const copy = withClaim(known, claim);
      const isSwept = known === undefined && (await this.lifeOf(object)) === 'swept';
      if (copy !== known && !isSwept) await this.#putState(copy, undefined, 'due');
      await dropClaim(this.#table, claim);
    });
    return claims.length;
  }

  async lifeOf(object: string): Promise<ObjectLife> {
    const item = await this.#table.get(lifeKey(object));
    return item === undefined ? 'live' : item.word('life', objectLives);
  }

  async setLife(objects: readonly string[], life: ObjectLife): Promise<void> {
    this.#assertWritable();
    await eachAtOnce(objects, async (object) => {
      await this.#setLife(object, life);
      if (life !== 'swept') return;
      const copies = await this.copiesOf(object);
      await this.#table.deleteAll(
        copies.flatMap(({ mirror }) => [copyKey(object, mirror), claimKey(object, mirror)]),
      );
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
    this.#assertWritable();
    await this.#events.add(event);
  }

  events(limit: number): Promise<readonly LedgerEvent[]> {
    return this.#events.latest(limit);
  }

  /** Most tables hold no claims: then nothing is asked but that, once. */
  async #withClaims(
    copies: AsyncGenerator<LedgerCopy, void, undefined>,
    bounds: readonly [string, string],
  ): Promise<AsyncGenerator<LedgerCopy, void, undefined>> {
    this.#claimed ??= hasClaims(this.#table);
    return (await this.#claimed) ? mergeClaims(copies, claimsIn(this.#table, bounds)) : copies;
  }

  /** What says nothing new is not said. */
  async #claim(copies: readonly LedgerCopy[]): Promise<void> {
    const byName = new Map(copies.map((copy) => [toCopyName(copy), copy]));
    const all = [...byName.values()];
    const known = new Map<string, LedgerCopy>();
    for (let start = 0; start < all.length; start += pageItems) {
      const keys = all
        .slice(start, start + pageItems)
        .map(({ object, mirror }) => copyKey(object, mirror));
      for (const copy of await this.#look(keys)) known.set(toCopyName(copy), copy);
    }
    const claims = all.filter((copy) => known.get(toCopyName(copy))?.state !== copy.state);
    await this.#table.putAll(claims.map(itemOfClaim));
    this.#claimed = undefined;
  }

  async #putState(
    { object, mirror, state, bytes }: LedgerCopy,
    lastVerified: number | undefined,
    when: 'due' | 'as it was' = 'as it was',
  ): Promise<void> {
    const set = [
      '#state = :state',
      '#bytes = if_not_exists(#bytes, :bytes)',
      when === 'due' ? 'dueAt = :since' : 'dueAt = if_not_exists(dueAt, :since)',
    ];
    const remove: string[] = when === 'due' ? ['nextDue'] : [];
    const values: Attributes = {
      ':state': text(state),
      ':bytes': number(bytes),
      ':since': text(dueAtOf(object, undefined)),
    };
    if (lastVerified !== undefined) {
      set.push('lastVerified = :at');
      values[':at'] = number(lastVerified);
    }
    if (isVerifiable(state)) {
      set.push('dueIn = :list');
      values[':list'] = text(dueListOf(object, mirror));
    } else remove.push('dueIn');
    if (state === 'stored') remove.push('notStored');
    else set.push('notStored = :state');
    const removal = remove.length === 0 ? '' : ` REMOVE ${remove.join(', ')}`;
    await this.#table.update(copyKey(object, mirror), {
      expression: `SET ${set.join(', ')}${removal}`,
      names: { '#state': 'state', '#bytes': 'bytes' },
      values,
    });
  }

  #assertWritable(): void {
    if (this.#isReadOnly) throw catalogReadOnly(this.#table.location);
  }

  async #setLife(object: string, life: ObjectLife): Promise<void> {
    const notSwept = {
      expression: '#life <> :swept',
      names: { '#life': 'life' },
      values: { ':swept': text('swept') },
    };
    if (life === 'live') {
      await this.#table.delete(lifeKey(object), notSwept);
      return;
    }
    const { pk, sk } = lifeKey(object);
    const item = { pk: text(pk), sk: text(sk), life: text(life) };
    await this.#table.put(item, {
      ...notSwept,
      expression: 'attribute_not_exists(pk) OR #life <> :swept',
    });
  }

  /** All copies: grows with the repository, so no daily command may ask for it. */
  #all(): AsyncGenerator<LedgerCopy, void, undefined> {
    return mergeClaims(this.#range(), claimsIn(this.#table));
  }

  async *#range(sk?: string, values: Attributes = {}): AsyncGenerator<LedgerCopy, void, undefined> {
    const query = this.#table.query({
      KeyConditionExpression: sk === undefined ? 'pk = :pk' : `pk = :pk AND ${sk}`,
      ExpressionAttributeValues: { ':pk': text(partitions.ledger), ...values },
    });
    let known: { readonly object: string; readonly life: ObjectLife } | undefined;
    for await (const item of query) {
      const { object, mirror } = ownerOf(item.text('sk'), this.#table.location);
      if (mirror === undefined) known = { object, life: item.word('life', objectLives) };
      else {
        const life = known?.object === object ? known.life : 'live';
        yield copyOfItem(item, { object, mirror }, life);
      }
    }
  }

  async *#inState(state: CopyState): AsyncGenerator<LedgerCopy, void, undefined> {
    const query = this.#table.query({
      IndexName: stateIndex,
      KeyConditionExpression: 'notStored = :state',
      ExpressionAttributeValues: { ':state': text(state) },
    });
    let page: ItemKey[] = [];
    let last: string | undefined;
    for await (const item of query) {
      const sk = item.text('sk');
      // By their names: what a worker and a client say alike comes twice in a row.
      if (sk === last) continue;
      last = sk;
      page.push({ pk: partitions.ledger, sk });
      if (page.length < pageItems) continue;
      yield* await this.#look(page);
      page = [];
    }
    yield* await this.#look(page);
  }

  async *#dueKeys(
    list: string,
    now: number,
    limit: number,
  ): AsyncGenerator<{ readonly key: ItemKey; readonly dueAt: string }, void, undefined> {
    const query = this.#table.query({
      IndexName: dueIndex,
      KeyConditionExpression: 'dueIn = :list AND dueAt <= :until',
      ExpressionAttributeValues: { ':list': text(list), ':until': text(dueUpTo(now)) },
      Limit: Math.min(1000, Math.max(10, Math.ceil(limit / 8))),
    });
    for await (const item of query) {
      const key = { pk: item.text('pk'), sk: item.text('sk') };
      // Nobody but workers has a say in it.
      if (key.pk === partitions.ledger) yield { key, dueAt: item.text('dueAt') };
    }
  }

  /** The copies with these keys as they are now, in the order of the keys. */
  async #look(
    keys: readonly ItemKey[],
    how: 'with claims' | 'without claims' = 'with claims',
  ): Promise<readonly LedgerCopy[]> {
    if (keys.length === 0) return [];
    const owners = keys.map(({ sk }) => ownerOf(sk, this.#table.location));
    const lives = [...new Set(owners.map(({ object }) => object))].map(lifeKey);
    const claimed = how === 'with claims' ? owners.flatMap(claimKeyOf) : [];
    const items = new Map<string, DynamoItem>();
    const claims = new Map<string, DynamoItem>();
    for (const item of await this.#table.getAll([...keys, ...lives, ...claimed])) {
      (item.text('pk') === claimPartition ? claims : items).set(item.text('sk'), item);
    }
    return keys.flatMap(({ sk }, at) => {
      const { object = '', mirror } = owners[at] ?? {};
      if (mirror === undefined) return [];
      const [item, claimItem] = [items.get(sk), claims.get(sk)];
      const life = items.get(object)?.word('life', objectLives) ?? 'live';
      const copy = item && copyOfItem(item, { object, mirror }, life);
      const claim = claimItem && claimOfItem(claimItem, this.#table.location);
      if (claim !== undefined) return [withClaim(copy, claim)];
      return copy === undefined ? [] : [copy];
    });
  }
}

function claimKeyOf({ object, mirror }: ReturnType<typeof ownerOf>): readonly ItemKey[] {
  return mirror === undefined ? [] : [claimKey(object, mirror)];
}
