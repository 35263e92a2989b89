import { expect, it } from 'vitest';
import { failureOf } from '../../../test/contract/object-store.ts';
import { ByteGate } from './byte-gate.ts';

async function settle(): Promise<void> {
  await new Promise(setImmediate);
}

/** Enters and notes it. */
function enter(gate: ByteGate, bytes: number, entered: number[], signal?: AbortSignal) {
  return gate.enter(bytes, signal).then((leave) => {
    entered.push(bytes);
    return leave;
  });
}

it('lets nobody overtake, also those who would fit', async () => {
  const gate = new ByteGate(100);
  const entered: number[] = [];
  const leave = await enter(gate, 60, entered);
  const large = enter(gate, 50, entered);
  const small = enter(gate, 10, entered);
  await settle();
  expect(entered).toEqual([60]);
  leave();
  await Promise.all([large, small]);
  expect(entered).toEqual([60, 50, 10]);
  expect(gate.bytesInside).toBe(60);
});

it('lets those in who waited behind one that gave up', async () => {
  const gate = new ByteGate(100);
  const entered: number[] = [];
  await enter(gate, 60, entered);
  const controller = new AbortController();
  const large = failureOf(enter(gate, 50, entered, controller.signal));
  const small = enter(gate, 10, entered);
  await settle();
  expect(entered).toEqual([60]);
  controller.abort();
  expect(await large).toBe('Cancelled CANCELLED');
  await small;
  expect(gate.bytesInside).toBe(70);
});

it('forgets one that is let in and gives up in the same moment', async () => {
  const gate = new ByteGate(100);
  const leave = await gate.enter(100);
  const controller = new AbortController();
  const waiting = gate.enter(50, controller.signal);
  controller.abort();
  leave();
  expect(await failureOf(waiting)).toBe('Cancelled CANCELLED');
  expect(gate.bytesInside).toBe(0);
});

it('lets out once, however often it is asked to', async () => {
  const gate = new ByteGate(100);
  const leave = await gate.enter(40);
  await gate.enter(30);
  leave();
  leave();
  expect(gate.bytesInside).toBe(30);
});

it('lets in what is larger than the limit when nobody else is inside', async () => {
  const gate = new ByteGate(100);
  const entered: number[] = [];
  const leave = await enter(gate, 1, entered);
  const huge = enter(gate, 500, entered);
  await settle();
  expect(entered).toEqual([1]);
  leave();
  await huge;
  expect(entered).toEqual([1, 500]);
});
