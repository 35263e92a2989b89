import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { collect } from '../../../test/contract/collect.ts';
import { type DynamoServer, startDynamo } from '../../../test/support/dynamo-server.ts';
import {
  type DynamoRequest,
  type FaultyDynamo,
  startFaultyDynamo,
} from '../../../test/support/faulty-dynamo.ts';
import type { MirrorId } from '../base/index.ts';
import type { Catalog } from './catalog.ts';
import { openCatalog } from './catalog-url.ts';
import type { CopyState, LedgerCopy } from './ledger.ts';

/**
 * What a client can say of copies whose role may write in partitions of its own alone: the table
 * refuses everything else, as policies would.
 */
let server: DynamoServer;
let faulty: FaultyDynamo;
let worker: Catalog;
let client: Catalog;
let refused = 0;
beforeAll(async () => {
  server = await startDynamo();
  faulty = await startFaultyDynamo(server.endpoint);
});
afterAll(async () => {
  await faulty[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});
beforeEach(async () => {
  const url = server.catalogUrl();
  worker = await openCatalog(url, { create: true });
  client = await openCatalog(url.replace(server.endpoint, faulty.endpoint));
  refused = 0;
  faulty.fault = (request) => {
    if (!/^(Put|Update|Delete|BatchWrite)/.test(request.operation)) return undefined;
    if (partitionsOf(request).every((name) => name.startsWith('client-'))) return undefined;
    refused += 1;
    return { fail: 'AccessDeniedException' };
  };
});
afterEach(async () => {
  faulty.fault = () => undefined;
  await worker[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
});

function partitionsOf({ body }: DynamoRequest): readonly string[] {
  return [...JSON.stringify(body).matchAll(/"pk":\{"S":"([^"]+)"\}/g)].map(([, name = '']) => name);
}

const mirror = '1'.repeat(32) as MirrorId;
const object = `packs/ab/${'ab'.repeat(32)}`;
const other = `packs/cd/${'cd'.repeat(32)}`;
const month = 2_592_000_000;
const verified: LedgerCopy = {
  object,
  bytes: 7,
  life: 'live',
  mirror,
  state: 'stored',
  lastVerified: 5000,
  nextDue: month,
};
const now = 10_000;
const due = async (): Promise<readonly string[]> =>
  (await worker.ledger.due(mirror, now, 10)).map((copy) => copy.object);

describe('a client that may not write the ledger', () => {
  it('is heard by whoever reads, before and after a worker takes it over', async () => {
    await worker.ledger.record([verified]);
    await client.ledger.setState(object, mirror, 'damaged', 8000);
    await client.ledger.record([{ ...verified, object: other, state: 'debt' }]);
    const said = [
      { ...verified, state: 'damaged', nextDue: undefined },
      { object: other, bytes: 7, life: 'live', mirror, state: 'debt' },
    ];
    expect(refused).toBe(1);
    for (const catalog of [client, worker]) {
      expect(await collect(catalog.ledger.copies())).toMatchObject(said);
      expect(await collect(catalog.ledger.copies({ state: 'debt' }))).toMatchObject([said[1]]);
      expect(await collect(catalog.ledger.copies({ state: 'damaged' }))).toMatchObject([said[0]]);
      expect(await catalog.ledger.copiesOf(object)).toMatchObject([said[0]]);
    }
    expect(await due()).toEqual([]);
    expect(await worker.ledger.takeClaims(100)).toBe(2);
    expect(await worker.ledger.takeClaims(100)).toBe(0);
    expect(await collect(worker.ledger.copies())).toMatchObject(said);
    expect(await due()).toEqual([object]);
  });

  it.each<CopyState>(['stored', 'debt', 'suspect', 'damaged', 'quarantined', 'absent'])(
    'that says %s of a good copy hides it from nobody, and makes it verified for nobody',
    async (state) => {
      await worker.ledger.record([verified]);
      await client.ledger.record([{ ...verified, state, lastVerified: 9000, nextDue: 10 * month }]);
      await client.ledger.setDue([{ object, mirror, nextDue: 10 * month }]);
      await worker.ledger.takeClaims(100);
      const [copy] = await worker.ledger.copiesOf(object);
      expect(copy?.lastVerified).toBe(5000);
      // Debts are asked for as often as they are seen.
      const debts = await collect(worker.ledger.copies({ state: 'debt' }));
      const looked = [...(await due()), ...debts.map((each) => each.object)];
      expect(looked).toEqual(state === 'stored' ? [] : [object]);
      expect(copy?.nextDue).toBe(state === 'stored' ? month : undefined);
    },
  );

  it.each<CopyState>(['damaged', 'suspect', 'absent'])(
    'cannot say that a copy is good which a worker found %s',
    async (state) => {
      await worker.ledger.record([{ ...verified, state }]);
      await client.ledger.setState(object, mirror, 'stored', 9000);
      expect(await worker.ledger.copiesOf(object)).toMatchObject([{ state }]);
      await worker.ledger.takeClaims(100);
      expect(await worker.ledger.copiesOf(object)).toMatchObject([{ state }]);
    },
  );

  it('can say that a debt is paid, and takes back what it said itself', async () => {
    await worker.ledger.record([{ ...verified, state: 'debt' }]);
    await client.ledger.setState(object, mirror, 'stored', 9000);
    await client.ledger.record([{ ...verified, object: other, state: 'debt' }]);
    await client.ledger.setState(other, mirror, 'stored', 9000);
    expect(await collect(client.ledger.copies({ state: 'debt' }))).toEqual([]);
    await worker.ledger.takeClaims(100);
    expect((await collect(worker.ledger.copies())).map(({ state }) => state)).toEqual([
      'stored',
      'stored',
    ]);
    expect((await due()).toSorted()).toEqual([object, other]);
  });

  it('holds leases that keep no worker from its work', async () => {
    const term = { now, ms: 10 * month };
    const held = await client.ledger.acquireLease('heal', 'forger', term);
    const mine = await worker.ledger.acquireLease('heal', 'worker', term);
    await client.ledger.renewLease(held, term);
    await expect(client.ledger.acquireLease('heal', 'another', term)).rejects.toMatchObject({
      code: 'LEASE_HELD',
    });
    await worker.ledger.renewLease(mine, term);
    await client.ledger.releaseLease(held);
  });

  it('adds events among those of the workers, but cannot say that people were told', async () => {
    const event = (at: number, kind: string) => ({ at, kind, by: 'x', detail: `${at}` });
    await worker.ledger.addEvent(event(1, 'lost'));
    await client.ledger.addEvent(event(2, 'salvaged'));
    await client.ledger.addEvent(event(3, 'reported'));
    await worker.ledger.addEvent(event(4, 'reported'));
    const seen = await worker.ledger.events(10);
    expect(seen.map(({ at, kind }) => `${at} ${kind}`)).toEqual([
      '4 reported',
      '2 salvaged',
      '1 lost',
    ]);
  });

  it('says nothing that is known already, so that verifying a sound repository costs no writes', async () => {
    await worker.ledger.record([verified, { ...verified, object: other }]);
    await client.ledger.record([{ ...verified, lastVerified: 9000 }]);
    faulty.operations.length = 0;
    await client.ledger.record([{ ...verified, object: other, lastVerified: 9000 }]);
    expect(faulty.operations).toEqual(['BatchGetItem']);
  });
});

it('a role that may write nothing at all is refused', async () => {
  faulty.fault = ({ operation }) =>
    /^(Put|Update|BatchWrite)/.test(operation) ? { fail: 'AccessDeniedException' } : undefined;
  const denied = { kind: 'Denied', code: 'CATALOG_DENIED' };
  await expect(client.ledger.record([verified])).rejects.toMatchObject(denied);
  await expect(client.ledger.setState(object, mirror, 'stored', 1)).rejects.toMatchObject(denied);
});
