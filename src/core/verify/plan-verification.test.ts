import { array, assert, asyncProperty, integer, record } from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { testMirrorId, testRepository } from '../../../test/support/test-mirrors.ts';
import { MemoryCatalog, type Ledger, type LedgerCopy } from '../catalog/index.ts';
import {
  planVerification,
  type PlannedMirror,
  type PlanVerificationOptions,
} from './plan-verification.ts';
import { dueAfterFailure, dueAfterGood } from './rotation.ts';
import { messageBytesMax, messageCopiesMax, type WorkMessage } from './work-message.ts';

const hour = 3_600_000;
const day = 24 * hour;
const mib = 1024 * 1024;
const now = Date.UTC(2030, 0, 1);
const mirrorOf = (number: number): PlannedMirror => ({
  id: testMirrorId(number),
  name: `m${number}`,
  dollarsPerGib: 0,
  dollarsPerRead: 0,
});
const packOf = (number: number): string => {
  const name = number.toString(16).padStart(64, '0');
  return `packs/${name.slice(0, 2)}/${name}`;
};
const copyOf = (number: number, mirror: number, more: Partial<LedgerCopy> = {}): LedgerCopy => ({
  object: packOf(number),
  bytes: 16 * mib,
  life: 'live',
  mirror: testMirrorId(mirror),
  state: 'stored',
  nextDue: now - hour + number,
  ...more,
});

let ledger: Ledger;
let sent: WorkMessage[];
beforeEach(() => {
  ({ ledger } = new MemoryCatalog());
  sent = [];
});
const plan = (more: Partial<PlanVerificationOptions> = {}) =>
  planVerification(ledger, {
    repository: testRepository,
    mirrors: [mirrorOf(1), mirrorOf(2)],
    now,
    bytesMax: Number.POSITIVE_INFINITY,
    dollarsMax: Number.POSITIVE_INFINITY,
    againMs: 6 * hour,
    send: async (message) => void sent.push(message),
    ...more,
  });
const asked = (): string[] =>
  sent.flatMap(({ mirror, copies }) => copies.map(({ object }) => `${mirror} ${object}`));

describe('planVerification', () => {
  it('hands out everything that is due once, in messages that are not too large', async () => {
    await ledger.record(
      Array.from({ length: 2500 }, (_, n) => copyOf(n, 1, { bytes: (n % 200) * mib })),
    );
    await ledger.record(Array.from({ length: 30 }, (_, n) => copyOf(n, 2)));
    await ledger.record([copyOf(9000, 1, { nextDue: now + 1 })]);
    const result = await plan();
    expect(result).toMatchObject({ copies: 2530, more: [], messages: sent.length });
    expect(new Set(asked()).size).toBe(2530);
    expect(asked()).not.toContain(`${testMirrorId(1)} ${packOf(9000)}`);
    for (const { copies } of sent) {
      expect(copies.length).toBeLessThanOrEqual(messageCopiesMax);
      expect(copies.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(
        messageBytesMax,
      );
    }
    sent = [];
    expect(await plan()).toMatchObject({ copies: 0, messages: 0 });
  });

  it('begins with what has waited longest, and hands it out again only after a while', async () => {
    await ledger.record(
      Array.from({ length: 40 }, (_, n) => copyOf(n, 1, { nextDue: now - n * hour })),
    );
    await plan({ bytesMax: 5 * 16 * mib });
    expect(asked()).toEqual([39, 38, 37, 36, 35].map((n) => `${testMirrorId(1)} ${packOf(n)}`));
    sent = [];
    await plan({ bytesMax: 2 * 16 * mib, now: now + hour });
    expect(asked()).toEqual([34, 33].map((n) => `${testMirrorId(1)} ${packOf(n)}`));
  });

  it('lets mirrors take turns, so that none uses up the budget of the others', async () => {
    await ledger.record(Array.from({ length: 400 }, (_, n) => copyOf(n, 1)));
    await ledger.record(Array.from({ length: 400 }, (_, n) => copyOf(n, 2)));
    const result = await plan({ bytesMax: 200 * 16 * mib });
    const of = (number: number): number =>
      asked().filter((text) => text.startsWith(testMirrorId(number))).length;
    expect(of(1)).toBe(100);
    expect(of(2)).toBe(100);
    expect(result.more.toSorted()).toEqual(['m1', 'm2']);
  });

  it('keeps to the budget of money, and to that of bytes', async () => {
    await ledger.record(Array.from({ length: 400 }, (_, n) => copyOf(n, 1)));
    const dear = { ...mirrorOf(1), dollarsPerGib: 0.09, dollarsPerRead: 0.001 };
    const result = await plan({ mirrors: [dear], dollarsMax: 0.05 });
    // 16 MiB: 0.09/64 + 0.001 dollars.
    expect(result.copies).toBe(Math.floor(0.05 / (0.09 / 64 + 0.001)));
    expect(result.dollars).toBeLessThanOrEqual(0.05);
    expect(result.more).toEqual(['m1']);
  });

  it('asks for one copy even if it is larger than the budget, else it would wait for ever', async () => {
    await ledger.record([copyOf(1, 1, { bytes: 3 * messageBytesMax }), copyOf(2, 1)]);
    expect(await plan({ bytesMax: 1, dollarsMax: 0 })).toMatchObject({ copies: 1, messages: 1 });
    expect(asked()).toEqual([`${testMirrorId(1)} ${packOf(1)}`]);
  });

  it('hands nothing out twice although the ledger shows changes late', async () => {
    const late = new MemoryCatalog().ledger;
    await late.record(Array.from({ length: 2300 }, (_, n) => copyOf(n, 1)));
    const result = await planVerification(
      { due: (mirror, at, limit) => late.due(mirror, at, limit), setDue: async () => {} },
      {
        repository: testRepository,
        mirrors: [mirrorOf(1)],
        now,
        bytesMax: Number.POSITIVE_INFINITY,
        dollarsMax: Number.POSITIVE_INFINITY,
        againMs: hour,
        send: async (message) => void sent.push(message),
      },
    );
    expect(result.copies).toBe(2300);
    expect(new Set(asked()).size).toBe(2300);
  });

  it('puts nothing off that could not be sent', async () => {
    await ledger.record(Array.from({ length: 50 }, (_, n) => copyOf(n, 1)));
    let left = 1;
    const send = async (message: WorkMessage): Promise<void> => {
      if (left-- === 0) throw new Error('The queue is gone');
      sent.push(message);
    };
    await expect(plan({ send })).rejects.toThrow('The queue is gone');
    expect(asked()).toHaveLength(messageCopiesMax);
    await plan();
    expect(new Set(asked()).size).toBe(50);
    expect(asked()).toHaveLength(50);
  });

  it('verifies everything in time, whatever the sizes, if the budget is enough; property', async () => {
    await assert(
      asyncProperty(
        array(
          record({
            bytes: integer({ min: 0, max: 300 * mib }),
            due: integer({ min: -30, max: 30 }),
          }),
          { minLength: 1, maxLength: 60 },
        ),
        async (packs) => {
          ({ ledger } = new MemoryCatalog());
          await ledger.record(
            packs.map(({ bytes, due }, n) =>
              copyOf(n, 1 + (n % 3), { bytes, nextDue: now + due * hour }),
            ),
          );
          const reached = new Set<string>();
          const mirrors = [1, 2, 3].map(mirrorOf);
          for (let run = 0; run < 200 && reached.size < packs.length; run++) {
            sent = [];
            await plan({
              mirrors,
              now: now + run * hour,
              bytesMax: 400 * mib,
              againMs: 1000 * hour,
            });
            for (const text of asked()) {
              expect(reached).not.toContain(text);
              reached.add(text);
            }
          }
          expect(reached.size).toBe(packs.length);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('rotation', () => {
  it('looks again before the promised age is over, at different moments, always the same', () => {
    const at = now;
    const dues = Array.from({ length: 200 }, (_, n) =>
      dueAfterGood(`packs/aa/${(n * 0x1234567).toString(16).padStart(64, '0')}`, at, 30 * day),
    );
    for (const due of dues) {
      expect(due).toBeGreaterThanOrEqual(at + 24 * day);
      expect(due).toBeLessThan(at + 28.5 * day);
    }
    expect(new Set(dues).size).toBeGreaterThan(190);
    expect(dueAfterGood(packOf(77), at, day)).toBe(dueAfterGood(packOf(77), at, day));
  });

  it('looks less and less often at what fails, but goes on', () => {
    const maxAgeMs = 30 * day;
    let at = now;
    let failedBefore: number | undefined;
    const waits: number[] = [];
    for (let look = 0; look < 15; look++) {
      const next = dueAfterFailure({ at, failedBefore, maxAgeMs });
      waits.push((next - at) / hour);
      failedBefore = at;
      at = next;
    }
    expect(waits.slice(0, 4)).toEqual([1, 2, 4, 8]);
    expect(waits.at(-1)).toBe(15 * 24);
    expect(dueAfterFailure({ at: now, failedBefore: now + day, maxAgeMs })).toBe(now + hour);
  });
});
