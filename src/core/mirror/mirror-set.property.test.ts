import { deepEqual, ok } from 'node:assert/strict';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { bytesOf, failureOf, joined } from '../../../test/contract/object-store.ts';
import {
  openTestMirrors,
  type TestMirror,
  type TestMirrorSet,
} from '../../../test/support/test-mirrors.ts';
import { VersionsError } from '../errors/index.ts';
import type { Fault, StoreCall } from '../store/index.ts';
import { markerKey } from './index.ts';

/** A mirror set against a map: what was stored comes back, what is missing is owed. */

type FaultKind = 'none' | 'wait' | 'error' | 'lost' | 'denied' | 'full' | 'damage';

const anyFault = fc.oneof(
  { weight: 8, arbitrary: fc.constant<FaultKind>('none') },
  { weight: 3, arbitrary: fc.constant<FaultKind>('wait') },
  { weight: 2, arbitrary: fc.constantFrom<FaultKind>('error', 'lost', 'denied', 'damage') },
  { weight: 1, arbitrary: fc.constantFrom<FaultKind>('full', 'error') },
);

interface Step {
  readonly kind: 'put' | 'get' | 'wait' | 'damage' | 'lose';
  readonly object: number;
  /** Where to damage or lose it. */
  readonly mirror: number;
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constant('put' as const) },
    { weight: 4, arbitrary: fc.constant('get' as const) },
    { weight: 2, arbitrary: fc.constant('wait' as const) },
    { weight: 1, arbitrary: fc.constantFrom('damage' as const, 'lose' as const) },
  ),
  object: fc.nat({ max: 11 }),
  mirror: fc.nat({ max: 3 }),
});

const anyWorld = fc
  .record({ count: fc.integer({ min: 1, max: 4 }), absent: fc.nat({ max: 1 }) })
  .chain(({ count, absent }) => {
    const present = Math.max(1, count - absent);
    return fc.record({
      count: fc.constant(count),
      present: fc.constant(present),
      mirrorsMin: fc.integer({ min: 1, max: present }),
      connectionsMax: fc.integer({ min: 1, max: 3 }),
      behindMax: fc.nat({ max: 3 }),
      bytesInFlightMax: fc.integer({ min: 500, max: 4000 }),
      faults: fc.array(fc.array(anyFault, { maxLength: 60 }), {
        minLength: count,
        maxLength: count,
      }),
      steps: fc.array(anyStep, { minLength: 1, maxLength: 40 }),
    });
  });

const keyOf = (object: number): string => `packs/${object}`;
const bytesOfObject = (object: number): Uint8Array => bytesOf(object, 300 + object * 100);
const largest = 300 + 11 * 100;

function scriptFaults({ faulty }: TestMirror, kinds: readonly FaultKind[]): void {
  let next = 0;
  faulty.otherwise = (call) => {
    const kind = kinds[next] ?? 'none';
    next += 1;
    return faultOf(kind, call);
  };
}

function faultOf(kind: FaultKind, call: StoreCall): Fault | undefined {
  const unavailable = new VersionsError('Unavailable', 'STORE_UNAVAILABLE', 'Try again');
  if (kind === 'wait') {
    const turns = Array.from({ length: 3 }, () => new Promise(setImmediate));
    return { until: Promise.all(turns) };
  }
  if (kind === 'error') return { error: unavailable };
  if (kind === 'denied') return { error: new VersionsError('Denied', 'STORE_DENIED', 'No') };
  if (call.method === 'put' && kind === 'lost') return { lostAnswer: unavailable };
  if (call.method === 'put' && kind === 'full') {
    return { error: new VersionsError('Unavailable', 'STORE_FULL', 'No space is left') };
  }
  if (call.method === 'get' && kind === 'damage') return { flipAt: 7 };
  if (call.method === 'get' && kind === 'lost') return { shortTo: 11 };
  return undefined;
}

async function holdsGood({ memory }: TestMirror, object: number): Promise<boolean> {
  if ((await memory.head(keyOf(object))) === undefined) return false;
  return joined([await memory.get(keyOf(object))]).equals(joined([bytesOfObject(object)]));
}

const readFailures: ReadonlySet<string> = new Set([
  'NotFound OBJECT_NOT_FOUND',
  'Corrupt NO_GOOD_COPY',
  'Unavailable NO_COPY_REACHABLE',
]);

/** One run over a world: the model is which objects were stored, and what the test itself harmed. */
class Run {
  readonly #world: TestMirrorSet;
  readonly #present: readonly TestMirror[];
  readonly #mirrorsMin: number;
  readonly #stored = new Set<number>();
  readonly #harmed = new Set<string>();
  readonly #running: Promise<void>[] = [];

  constructor(world: TestMirrorSet, present: readonly TestMirror[], mirrorsMin: number) {
    this.#world = world;
    this.#present = present;
    this.#mirrorsMin = mirrorsMin;
  }

  async step(step: Step): Promise<void> {
    if (step.kind === 'put') this.#running.push(this.#put(step.object));
    else if (step.kind === 'get') this.#running.push(this.#get(step.object));
    else if (step.kind === 'wait') await new Promise(setImmediate);
    else await this.#harm(step.object, step.mirror, step.kind);
  }

  /** Everything ends, and then everything must be true. */
  async finish(): Promise<void> {
    await Promise.all(this.#running);
    const { set, mirrors, debts, clock } = this.#world;
    await set.drain();
    for (const { faulty } of mirrors) faulty.heal();
    for (const object of this.#stored) {
      for (const mirror of this.#present) {
        const owed = debts.some((debt) => debt.startsWith(`${keyOf(object)} ${mirror.name} `));
        const harmed = this.#harmed.has(`${object} ${mirror.name}`);
        const good = await holdsGood(mirror, object);
        ok(good || owed || harmed, `${mirror.name} lacks ${object}, and nobody knows`);
      }
      await this.#get(object, true);
    }
    const status = set.status();
    deepEqual(status.bytesInFlight, 0);
    deepEqual(
      status.mirrors.map(({ behind }) => behind),
      this.#present.map(() => 0),
    );
    deepEqual(clock.sleeping, 0);
    const untouched = mirrors.filter((mirror) => !this.#present.includes(mirror));
    deepEqual(
      untouched.flatMap(({ store }) => store.calls.map(({ key }) => key)),
      untouched.map(() => markerKey),
    );
  }

  async #put(object: number): Promise<void> {
    const { set } = this.#world;
    const bytes = bytesOfObject(object);
    const put = set.put(keyOf(object), [bytes.subarray(0, 100), bytes.subarray(100)]);
    const failure = await failureOf(put);
    if (failure !== 'no failure') {
      deepEqual(failure, 'Unavailable QUORUM_LOST');
      return;
    }
    const { stored, settled } = await put;
    ok(stored.length >= this.#mirrorsMin);
    for (const id of stored) {
      const mirror = this.#present.find((one) => one.id === id);
      const harmed = this.#harmed.has(`${object} ${mirror?.name}`);
      ok(harmed || (mirror !== undefined && (await holdsGood(mirror, object))));
    }
    this.#stored.add(object);
    const ended = await settled;
    const accounted = [...ended.stored, ...ended.debts.map(({ mirror }) => mirror)];
    deepEqual(accounted.toSorted(), this.#present.map(({ id }) => id).toSorted());
  }

  async #get(object: number, mustWork = false): Promise<void> {
    const expected = joined([bytesOfObject(object)]);
    const accept = (bytes: Uint8Array): boolean => joined([bytes]).equals(expected);
    const copies = await Promise.all(this.#present.map((mirror) => holdsGood(mirror, object)));
    const get = this.#world.set.get(keyOf(object), { accept });
    const failure = await failureOf(get);
    if (failure === 'no failure') ok(joined([await get]).equals(expected));
    else {
      ok(readFailures.has(failure), failure);
      ok(!(mustWork && copies.includes(true)), `${object} has a good copy: ${failure}`);
    }
  }

  async #harm(object: number, number: number, how: 'damage' | 'lose'): Promise<void> {
    const mirror = this.#present[number];
    if (mirror === undefined || (await mirror.memory.head(keyOf(object))) === undefined) return;
    this.#harmed.add(`${object} ${mirror.name}`);
    if (how === 'lose') await mirror.memory.delete(keyOf(object));
    else await mirror.memory.put(keyOf(object), [bytesOf(99, 300 + object * 100)]);
  }
}

it('keeps what it stored, owes what is missing, and never gives bad bytes', async () => {
  const property = fc.asyncProperty(anyWorld, async (world) => {
    const { count, present, mirrorsMin, connectionsMax, behindMax, bytesInFlightMax } = world;
    const before = await openTestMirrors({ count, connectionsMax, mirrorsMin: 1 });
    const { mirrors } = before;
    const there = mirrors.slice(0, present);
    for (const mirror of mirrors.slice(present)) await mirror.memory.delete(markerKey);
    for (const { store } of mirrors) store.clear();
    const limits = { behindMax, bytesInFlightMax };
    const opened = await openTestMirrors({ mirrors, mirrorsMin, limits });
    there.forEach((mirror, index) => scriptFaults(mirror, world.faults[index] ?? []));
    const run = new Run(opened, there, mirrorsMin);
    for (const step of world.steps) {
      await run.step(step);
      const { bytesInFlight } = opened.set.status();
      expect(bytesInFlight).toBeLessThanOrEqual(Math.max(bytesInFlightMax, largest));
    }
    await run.finish();
  });
  await fc.assert(property, { numRuns: 400 });
}, 60_000);
