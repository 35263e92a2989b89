import type { MirrorId } from '../base/index.ts';
import { isHex16 } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
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
} from './dynamo-copies.ts';
import { number, text, type Attributes, type DynamoItem } from './dynamo-item.ts';
import { DynamoLeases } from './dynamo-leases.ts';
import { dueIndex, padded, partitions, stateIndex } from './dynamo-schema.ts';
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

const writesAtOnce = 16;
const pageItems = 100;
const eventsMax = 1_000_000;

/**
 * The ledger of a `DynamoCatalog`: an item for each copy, and one for each object that is not live.
 * A role may be refused to say when a copy was verified (docs/threat-model.md): then everything else
 * is written as it is, and what others have said of it stays.
 */
export class DynamoLedger implements Ledger {
  readonly #table: DynamoTable;
  readonly #isReadOnly: boolean;
  readonly #leases: DynamoLeases;
  /** False once the table has refused to take from this role when something was verified. */
  #tellsTimes = true;

  constructor(table: DynamoTable, { readOnly }: { readonly readOnly: boolean }) {
    this.#table = table;
    this.#isReadOnly = readOnly;
    this.#leases = new DynamoLeases(table, { readOnly });
  }

  async record(copies: readonly LedgerCopy[]): Promise<void> {
    for (const copy of copies) assertCopy(copy);
    this.#assertWritable();
    const timed = copies.filter(isTimed);
    const others = copies.filter((copy) => !isTimed(copy));
    await this.#table.putAll(others.map(itemOfCopy));
    await this.#unlessRefused(
      timed.length > 0,
      () => this.#table.putAll(timed.map(itemOfCopy)),
      () => eachAtOnce(timed, (copy) => this.#putState(copy, undefined)),
    );
    const lives = new Map(copies.map(({ object, life }) => [object, life]));
    for (const life of ['condemned', 'swept'] as const) {
      const objects = [...lives].filter(([, each]) => each === life).map(([object]) => object);
      await eachAtOnce(objects, (object) => this.#setLife(object, life));
    }
  }

  async *copies(filter: CopyFilter = {}): AsyncIterable<LedgerCopy> {
    const { mirror, state, now } = filter;
    const found = state === undefined || state === 'stored' ? this.#all() : this.#inState(state);
    for await (const copy of found) {
      if (mirror !== undefined && copy.mirror !== mirror) continue;
      if (state === undefined || copy.state === state) yield withoutFuture(copy, now);
    }
  }

  async copiesOf(object: string): Promise<readonly LedgerCopy[]> {
    const [from, to] = boundsOf(object);
    const found: LedgerCopy[] = [];
    for await (const copy of this.#range('sk BETWEEN :from AND :to', {
      ':from': text(from),
      ':to': text(to),
    })) {
      if (copy.object === object) found.push(copy);
    }
    return found;
  }

  async setState(object: string, mirror: MirrorId, state: CopyState, at: number): Promise<void> {
    const lastVerified = isLookedAt(state) ? at : undefined;
    const copy: LedgerCopy = { object, bytes: 0, life: 'live', mirror, state, lastVerified };
    assertCopy(copy);
    this.#assertWritable();
    await this.#unlessRefused(
      lastVerified !== undefined,
      () => this.#putState(copy, lastVerified),
      () => this.#putState(copy, undefined),
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
      for (const copy of await this.#look(page)) {
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
    await eachAtOnce(copies, async ({ object, mirror, nextDue }) => {
      await this.#table.update(
        copyKey(object, mirror),
        {
          expression: 'SET nextDue = :next, dueAt = :at',
          values: { ':next': number(nextDue), ':at': text(dueAtOf(object, nextDue)) },
        },
        'attribute_exists(pk)',
      );
    });
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
      await this.#table.deleteAll(copies.map(({ mirror }) => copyKey(object, mirror)));
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
    const { at, kind, by, detail, mirror, object } = event;
    const order = await this.#table.count({ pk: partitions.counters, sk: partitions.events });
    await this.#table.put({
      pk: text(partitions.events),
      sk: text(padded(order)),
      at: number(at),
      kind: text(kind),
      by: text(by),
      detail: text(detail),
      ...(mirror === undefined ? {} : { mirror: text(mirror) }),
      ...(object === undefined ? {} : { object: text(object) }),
    });
  }

  async events(limit: number): Promise<readonly LedgerEvent[]> {
    const most = Math.min(Math.max(0, limit), eventsMax);
    const found: LedgerEvent[] = [];
    if (most === 0) return found;
    const query = this.#table.query({
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': text(partitions.events) },
      ScanIndexForward: false,
      Limit: Math.min(most, 1000),
    });
    for await (const item of query) {
      found.push(eventOf(item));
      if (found.length >= most) break;
    }
    return found;
  }

  async #putState(
    { object, mirror, state, bytes }: LedgerCopy,
    lastVerified: number | undefined,
  ): Promise<void> {
    const set = [
      '#state = :state',
      '#bytes = if_not_exists(#bytes, :bytes)',
      'dueAt = if_not_exists(dueAt, :since)',
    ];
    const remove: string[] = [];
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

  /** Writes with times, as long as that is not refused; without them it may be allowed. */
  async #unlessRefused(
    hasTimes: boolean,
    withTimes: () => Promise<void>,
    without: () => Promise<void>,
  ): Promise<void> {
    if (!hasTimes || this.#tellsTimes) {
      try {
        await withTimes();
        return;
      } catch (error) {
        if (!hasTimes || !isVersionsError(error, 'Denied')) throw error;
      }
    }
    await without();
    this.#tellsTimes = false;
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
    return this.#range();
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
    for await (const item of query) {
      page.push({ pk: item.text('pk'), sk: item.text('sk') });
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
      yield {
        key: { pk: item.text('pk'), sk: item.text('sk') },
        dueAt: item.text('dueAt'),
      };
    }
  }

  /** The copies with these keys as they are now, in the order of the keys. */
  async #look(keys: readonly ItemKey[]): Promise<readonly LedgerCopy[]> {
    if (keys.length === 0) return [];
    const owners = keys.map(({ sk }) => ownerOf(sk, this.#table.location));
    const objects = new Set(owners.map(({ object }) => object));
    const lives = [...objects].map((object) => lifeKey(object));
    const items = new Map<string, DynamoItem>();
    for (const item of await this.#table.getAll([...keys, ...lives])) {
      items.set(item.text('sk'), item);
    }
    return keys.flatMap(({ sk }, at) => {
      const item = items.get(sk);
      const { object = '', mirror } = owners[at] ?? {};
      if (item === undefined || mirror === undefined) return [];
      const life = items.get(object)?.word('life', objectLives) ?? 'live';
      return [copyOfItem(item, { object, mirror }, life)];
    });
  }
}

/** Says when the copy was looked at, or is to be. */
function isTimed({ lastVerified, nextDue }: LedgerCopy): boolean {
  return lastVerified !== undefined || nextDue !== undefined;
}

function eventOf(item: DynamoItem): LedgerEvent {
  const mirror = item.optionalText('mirror');
  return {
    at: item.number('at'),
    kind: item.text('kind'),
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked here
    mirror: mirror !== undefined && isHex16(mirror) ? (mirror as MirrorId) : undefined,
    object: item.optionalText('object'),
    by: item.text('by'),
    detail: item.text('detail'),
  };
}

async function eachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: writesAtOnce }, lane));
}
