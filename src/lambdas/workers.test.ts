import { beforeEach, describe, expect, it } from 'vitest';
import {
  noFailures,
  runTime,
  WorkerWorld,
  worldRepository,
} from '../../test/support/worker-world.ts';
import { clientRow } from '../../test/support/client-row.ts';
import { seededBytes } from '../../test/support/seeded-random.ts';
import type { WriterId } from '../core/base/index.ts';
import {
  encodeWork,
  ForwardingStore,
  type GetOptions,
  notePromise,
  VersionsError,
} from '../core/index.ts';
import { lookAtHealth } from './reporter/look-at-health.ts';
import { runHealer } from './healer/run-healer.ts';
import { runPlanner } from './planner/run-planner.ts';
import { runReporter } from './reporter/run-reporter.ts';
import { runVerifier } from './verifier/run-verifier.ts';

const hour = 3_600_000;
const day = 24 * hour;
let world: WorkerWorld;
let packs: ReadonlyMap<string, Buffer>;
let keys: readonly string[];
beforeEach(async () => {
  world = await WorkerWorld.make();
  packs = await world.storePacks(6);
  keys = [...packs.keys()];
});

const plan = () => runPlanner(world.settings(), world.surroundings, runTime());
const verify = (name: string, time = runTime()) =>
  runVerifier(world.take(`verify ${name}`), world.settings(name), world.surroundings, time);
const heal = (name: string, time = runTime()) =>
  runHealer(world.take(`heal ${name}`), world.settings(name), world.surroundings, time);
const report = (count = true) =>
  runReporter({ count }, world.settings(), world.surroundings, runTime());
/** Everything once: what an hour in the cloud is. */
const round = async (): Promise<void> => {
  await plan();
  for (const { name } of world.mirrors) expect(await verify(name)).toEqual(noFailures);
  for (const { name } of world.mirrors) expect(await heal(name)).toEqual(noFailures);
};
const stateOf = async (key: string, name: string): Promise<string | undefined> =>
  (await world.catalog.ledger.copiesOf(key)).find(({ mirror }) => mirror === world.mirror(name).id)
    ?.state;
const events = async (): Promise<string[]> =>
  (await world.catalog.ledger.events(100)).map(({ kind, object = '' }) =>
    `${kind} ${object}`.trim(),
  );
const flipped = (key: string): Buffer => {
  const bytes = Buffer.from(packs.get(key) ?? '');
  bytes[300] = (bytes[300] ?? 0) ^ 8;
  return bytes;
};
/** So much is wrong that nothing can be put together of it. */
const ruined = (key: string): Buffer => seededBytes(`ruined ${key}`, packs.get(key)?.length ?? 0);
const workFor = (name: string, objects: readonly string[]): string =>
  encodeWork({
    repository: worldRepository,
    mirror: world.mirror(name).id,
    copies: objects.map((object) => ({ object, bytes: 1000 })),
  });

describe('a round of all workers', () => {
  it('finds an empty ledger, and verifies everything without writing an object', async () => {
    await round();
    for (const { store, name } of world.mirrors) {
      expect(store.count('put') + store.count('delete')).toBe(0);
      for (const key of keys) expect(await stateOf(key, name)).toBe('stored');
    }
    // Six packs and a marker in each.
    expect(
      world.metric('CopiesVerified').reduce((sum: number, each) => sum + Number(each), 0),
    ).toBe(21);
    expect(await events()).toEqual([]);
  });

  it('heals what is damaged and what is missing, and keeps the damaged copy', async () => {
    const [first = '', second = '', third = ''] = keys;
    await world.replace('m1', first, flipped(first));
    await world.replace('m2', second, packs.get(second)?.subarray(0, 100) ?? Buffer.alloc(0));
    await world.mirror('m3').memory.delete(third);
    await round();
    // What one mirror has may only be on its way to the other; it is looked for hours later.
    await world.clock.advance(7 * hour);
    await round();
    for (const { memory } of world.mirrors) {
      for (const key of keys)
        expect(await memory.get(key)).toEqual(new Uint8Array(packs.get(key) ?? []));
    }
    expect((await events()).toSorted()).toEqual(
      [`healed ${first}`, `healed ${second}`, `healed ${third}`].toSorted(),
    );
    const aside: string[] = [];
    for await (const { key } of world.mirror('m1').memory.list('quarantine/')) aside.push(key);
    expect(aside).toHaveLength(1);
    for (const { store } of world.mirrors) expect(store.count('delete')).toBe(0);
    await report();
    expect(world.published).toEqual([]);
    expect(world.metric('ObjectsWithMoreCopies').at(-1)).toBe(6);
  });

  it('pays debts', async () => {
    const [first = ''] = keys;
    await world.mirror('m2').memory.delete(first);
    await world.catalog.ledger.setState(first, world.mirror('m2').id, 'debt', world.clock.now());
    await round();
    expect(await world.mirror('m2').memory.get(first)).toEqual(
      new Uint8Array(packs.get(first) ?? []),
    );
    expect(await events()).toEqual([`paid ${first}`]);
    await plan();
    expect(world.take('heal m2').Records).toEqual([]);
  });

  it('pays at once what becomes a debt after it was verified, and asks once in a while', async () => {
    const [first = ''] = keys;
    await round();
    await world.mirror('m2').memory.delete(first);
    await world.catalog.ledger.setState(first, world.mirror('m2').id, 'debt', world.clock.now());
    expect((await plan()).debts).toBe(1);
    expect((await plan()).debts).toBe(0);
    expect(await heal('m2')).toEqual(noFailures);
    expect(await events()).toEqual([`paid ${first}`]);
  });

  it('asks for nothing twice while it is being worked off, and again before the age is over', async () => {
    await round();
    expect((await plan()).plan?.copies).toBe(0);
    await world.clock.advance(29 * day);
    expect((await plan()).plan?.copies).toBe(21);
  });

  it('waits for the first backup', async () => {
    const empty = await WorkerWorld.make();
    for (const { memory } of empty.mirrors) await memory.delete('mirror');
    const result = await runPlanner(empty.settings(), empty.surroundings, runTime());
    expect(result.repository).toBe(false);
    expect(
      await runReporter({ count: true }, empty.settings(), empty.surroundings, runTime()),
    ).toEqual({ repository: false, sent: [] });
    expect(empty.queues.size).toBe(0);
    expect(empty.published).toEqual([]);
  });
});

describe('the verifier', () => {
  it('tells the queue which messages failed, and does the others', async () => {
    const [first = ''] = keys;
    const { send } = world.surroundings;
    await send('verify m1', 'poison');
    await send('verify m1', workFor('m1', [first]));
    await send('verify m1', JSON.stringify({ version: 99 }));
    const event = world.take('verify m1');
    const answer = await runVerifier(event, world.settings('m1'), world.surroundings, runTime());
    expect(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual([
      event.Records[0]?.messageId,
      event.Records[2]?.messageId,
    ]);
    expect(await stateOf(first, 'm1')).toBe('stored');
  });

  it('gives back what there was no time for, as a new message', async () => {
    await world.surroundings.send('verify m1', workFor('m1', keys));
    expect(await verify('m1', runTime(600_000, 5))).toEqual(noFailures);
    const done = world.metric('CopiesVerified').at(-1);
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(6);
    const again = world.take('verify m1');
    expect(again.Records).toHaveLength(1);
    await runVerifier(again, world.settings('m1'), world.surroundings, runTime());
    for (const key of keys) expect(await stateOf(key, 'm1')).toBe('stored');
  });

  it('may get a message twice', async () => {
    const [first = ''] = keys;
    await world.replace('m1', first, flipped(first));
    for (let times = 0; times < 2; times++) {
      await world.surroundings.send('verify m1', workFor('m1', [first]));
      await verify('m1');
    }
    expect(await heal('m1')).toEqual(noFailures);
    expect(await events()).toEqual([`healed ${first}`]);
  });

  it('leaves the work in the queue while its mirror is away', async () => {
    world
      .mirror('m1')
      .faulty.on('get', 'mirror')
      .fails(new VersionsError('Unavailable', 'TIMEOUT', 'It does not answer'))
      .always();
    await world.surroundings.send('verify m1', workFor('m1', keys));
    expect((await verify('m1')).batchItemFailures).toHaveLength(1);
    expect(await stateOf(keys[0] ?? '', 'm1')).toBeUndefined();
  });

  it('drops work for a mirror that is no longer the same', async () => {
    await world.surroundings.send('verify m1', workFor('m2', keys));
    expect(await verify('m1')).toEqual(noFailures);
    expect(world.metric('CopiesVerified')).toEqual([]);
  });

  it('sends nothing to be healed that it could not read', async () => {
    const [first = ''] = keys;
    world
      .mirror('m1')
      .faulty.on('get', first)
      .fails(new VersionsError('Unavailable', 'TIMEOUT', 'It does not answer'))
      .always();
    await world.surroundings.send('verify m1', workFor('m1', keys));
    await verify('m1');
    expect(world.take('heal m1').Records).toEqual([]);
    expect(await stateOf(first, 'm1')).toBe('suspect');
  });
});

describe('the healer', () => {
  it('can only write to its own mirror', async () => {
    const [first = ''] = keys;
    await world.replace('m1', first, flipped(first));
    await world.mirror('m2').memory.delete(first);
    await world.surroundings.send('heal m1', workFor('m1', [first]));
    await heal('m1');
    expect(world.mirror('m2').store.count('put') + world.mirror('m3').store.count('put')).toBe(0);
    expect(await world.mirror('m1').memory.get(first)).toEqual(
      new Uint8Array(packs.get(first) ?? []),
    );
  });

  it.each([
    ['the cheapest mirror, however slow', { m2: 'b2', m3: 'r2' }, { m2: 5, m3: 900 }, 'm3'],
    ['the fastest of those that cost the same', { m2: 'b2', m3: 'b2' }, { m2: 50, m3: 7 }, 'm3'],
    ['the fastest, the other way round', { m2: 'b2', m3: 'b2' }, { m2: 7, m3: 50 }, 'm2'],
  ] as const)('reads from %s', async (_what, prices, delays, from) => {
    const [first = ''] = keys;
    await world.mirror('m1').memory.delete(first);
    await world.surroundings.send('heal m1', workFor('m1', [first]));
    const settings = world.settings('m1');
    const isNamed = (name: string): name is keyof typeof prices => name in prices;
    class Slow extends ForwardingStore {
      override async get(key: string, options?: GetOptions): Promise<Uint8Array> {
        const { location } = this.properties;
        await world.clock.sleep(delays[location.endsWith('2') ? 'm2' : 'm3']);
        return super.get(key, options);
      }
    }
    const run = runHealer(
      world.take('heal m1'),
      {
        ...settings,
        mirrors: settings.mirrors.map((mirror) =>
          isNamed(mirror.name) ? { ...mirror, price: prices[mirror.name] } : mirror,
        ),
      },
      {
        ...world.surroundings,
        openStore: async (url, credentials) => {
          const store = await world.surroundings.openStore(url, credentials);
          return isNamed(url) ? new Slow(store) : store;
        },
      },
      runTime(),
    );
    const passing = { done: false };
    void run.finally(() => (passing.done = true));
    while (!passing.done) await world.clock.advance(1);
    expect(await run).toEqual(noFailures);
    const [event] = await world.catalog.ledger.events(1);
    expect(event?.detail).toContain(`Copied from ${from}`);
  });

  it('does the work once when two are at it', async () => {
    const [first = ''] = keys;
    await world.mirror('m1').memory.delete(first);
    const event = { Records: [world.record(workFor('m1', [first]))] };
    const answers = await Promise.all(
      [1, 2].map(() => runHealer(event, world.settings('m1'), world.surroundings, runTime())),
    );
    expect(answers).toEqual([noFailures, noFailures]);
    expect(world.mirror('m1').store.count('put')).toBe(1);
    expect(await events()).toEqual([`healed ${first}`]);
  });

  it('does not bring back what was swept', async () => {
    const [first = ''] = keys;
    await world.mirror('m1').memory.delete(first);
    await world.catalog.ledger.setLife([first], 'swept');
    await world.surroundings.send('heal m1', workFor('m1', [first]));
    await heal('m1');
    expect(await world.mirror('m1').memory.head(first)).toBeUndefined();
  });

  it('leaves everything as it is when no mirror has a good copy, and says so once', async () => {
    const [first = ''] = keys;
    const bad = ruined(first);
    for (const { name } of world.mirrors) await world.replace(name, first, bad);
    await round();
    for (const { memory } of world.mirrors)
      expect(await memory.get(first)).toEqual(new Uint8Array(bad));
    await report();
    await report();
    expect(world.published.map(({ subject }) => subject)).toEqual([
      'Versions test: 1 objects have no good copy',
    ]);
    expect(world.published[0]?.text).toContain(first);
    expect(world.metric('ObjectsLost').at(-1)).toBe(1);
    // It comes back: somebody mends one copy by hand, and the others follow.
    await world.replace('m2', first, packs.get(first) ?? Buffer.alloc(0));
    await world.clock.advance(2 * day);
    await round();
    await report();
    expect(world.metric('ObjectsLost').at(-1)).toBe(0);
    for (const { memory } of world.mirrors)
      expect(await memory.get(first)).toEqual(new Uint8Array(packs.get(first) ?? []));
  });

  it('puts a whole copy together when each mirror has damaged another part of it', async () => {
    const [first = ''] = keys;
    for (const [index, { name }] of world.mirrors.entries()) {
      const bytes = Buffer.from(packs.get(first) ?? '');
      seededBytes(name, 40).copy(bytes, 100 + 200 * index);
      await world.replace(name, first, bytes);
    }
    await round();
    for (const { memory } of world.mirrors)
      expect(await memory.get(first)).toEqual(new Uint8Array(packs.get(first) ?? []));
    const [event] = await world.catalog.ledger.events(100);
    expect(event?.detail).toMatch(/^(Put together|Copied) from /);
    await report();
    expect(world.published).toEqual([]);
  });

  it('does not call lost what cannot be read at the moment', async () => {
    const [first = ''] = keys;
    await world.replace('m1', first, ruined(first));
    await world.mirror('m2').memory.delete(first);
    world
      .mirror('m3')
      .faulty.on('get', first)
      .fails(new VersionsError('Unavailable', 'TIMEOUT', 'It does not answer'))
      .always();
    await world.surroundings.send('heal m1', workFor('m1', [first]));
    expect(await heal('m1')).toEqual(noFailures);
    expect(await events()).toEqual([]);
    expect(await world.mirror('m1').memory.get(first)).toEqual(new Uint8Array(ruined(first)));
  });

  it('does not call lost what a mirror that is away may have', async () => {
    const [first = ''] = keys;
    await world.replace('m1', first, ruined(first));
    await world.mirror('m2').memory.delete(first);
    world
      .mirror('m3')
      .faulty.on('get', 'mirror')
      .fails(new VersionsError('Unavailable', 'TIMEOUT', 'It does not answer'))
      .always();
    await world.surroundings.send('heal m1', workFor('m1', [first]));
    expect(await heal('m1')).toEqual(noFailures);
    expect(await events()).toEqual([]);
    expect(world.metric('CopiesNotHealed').at(-1)).toBe(1);
  });

  it('stops when too much of a mirror is damaged, and still brings back what is missing', async () => {
    const many = await world.storePacks(60);
    const all = [...many.keys()];
    await round();
    const rotten = all.slice(0, 20);
    for (const key of rotten) await world.replace('m1', key, seededBytes(key, 50));
    await world.mirror('m1').memory.delete(all[30] ?? '');
    await world.clock.advance(31 * day);
    await round();
    // The first messages were verified before the ledger knew of that many: none was written over.
    for (const key of rotten)
      expect((await world.mirror('m1').memory.get(key)).byteLength).toBe(50);
    expect(await world.mirror('m1').memory.head(all[30] ?? '')).toBeDefined();
    await report();
    expect(world.published.map(({ subject }) => subject)).toEqual([
      'Versions test: healing has stopped in m1',
    ]);
    expect(world.metric('BreakersTripped')).toContain(1);
  });
});

describe('the reporter', () => {
  it('tells of a mirror that is away, once a week', async () => {
    await round();
    world
      .mirror('m2')
      .faulty.on('get', 'mirror')
      .fails(new VersionsError('Denied', 'STORE_DENIED', 'The keys are not valid'))
      .always();
    await report();
    await report();
    await world.clock.advance(8 * day);
    await report();
    expect(world.published.map(({ subject }) => subject)).toEqual([
      'Versions test: m2 cannot be reached',
      'Versions test: m2 cannot be reached',
    ]);
  });

  it('tells of a client that is silent for longer than was promised, until it saves again', async () => {
    const save = async (writer: string): Promise<void> => {
      const tip = await world.catalog.tip();
      const about = { tip, at: world.clock.now(), repository: worldRepository };
      await world.catalog.append(clientRow(writer, about), tip);
    };
    const [laptop, server] = ['1a'.repeat(16), '2b'.repeat(16)] as const;
    await save(laptop);
    await save(server);
    await world.clock.advance(47 * hour);
    await round();
    await save(server);
    expect((await report()).sent).toEqual([]);
    await world.clock.advance(2 * hour);
    await report();
    await report();
    expect(world.published).toMatchObject([{ subject: 'Versions test: 1 clients are silent' }]);
    expect(world.published[0]?.text).toContain(`${laptop}: 49 hours`);
    expect(world.metric('ClientsSilent')).toEqual([0, 1, 1]);
    await save(laptop);
    await report();
    expect(world.metric('ClientsSilent').at(-1)).toBe(0);
  });

  it('holds each client to what it has promised itself, within reason', async () => {
    const silentAfter = async (writer: string): Promise<number> => {
      const start = world.clock.now();
      const tip = await world.catalog.tip();
      const about = { tip, at: start, repository: worldRepository };
      await world.catalog.append(clientRow(writer, about), tip);
      for (;;) {
        await world.clock.advance(hour);
        const silent = await lookAtHealth(world.catalog, {
          mirrors: [],
          now: world.clock.now(),
          silentAfterMs: 48 * hour,
        });
        const found = silent.silent.find((each) => each.writer === writer);
        if (found !== undefined) return found.hours;
      }
    };
    const [eager, rare, undecided, odd, never] = ['1a', '2b', '3c', '4d', '5e'].map((each) =>
      each.repeat(16),
    );
    const promise = (writer = '', everyMs?: number): Promise<void> =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made for the test
      notePromise({ catalog: world.catalog, writer: writer as WriterId }, everyMs);
    await promise(eager, 6 * hour);
    await promise(rare, 96 * hour);
    await promise(undecided, 6 * hour);
    await promise(undecided);
    await world.catalog.setMeta(`promise/${odd}`, '-1');
    await world.catalog.setMeta(`promise/${never}`, '999999999999999');
    expect(await silentAfter(eager ?? '')).toBe(7);
    expect(await silentAfter(rare ?? '')).toBe(97);
    expect(await silentAfter(undecided ?? '')).toBe(49);
    expect(await silentAfter(odd ?? '')).toBe(49);
    expect(await silentAfter(never ?? '')).toBe(31 * 24 + 1);
  });
});
