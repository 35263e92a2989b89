import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type JsonLine, Machine, type Outcome, outcomeOf } from '../../cli/machine.ts';
import { SeededRandom, seededBytes } from '../../support/seeded-random.ts';
import { treeImage } from '../../support/tree-image.ts';
import { makeBucket, urlOf } from '../buckets.ts';
import { environmentOf, type Services, startServices } from '../services.ts';

/**
 * One table and two buckets under the hardest use: kills on end, and many clients at once. Small in
 * `.ci/run`; `npm run test:services:long` takes the sizes that the project promises.
 */
const isFull = process.env['VERSIONS_TEST_FULL'] === '1';
const size = isFull
  ? { kills: 50, treeMebibytes: 200, clients: 8, clientMebibytes: 50 }
  : { kills: 6, treeMebibytes: 24, clients: 8, clientMebibytes: 4 };
const timeLimitMs = isFull ? 3_600_000 : 400_000;

let services: Services;
const machines: Machine[] = [];
beforeAll(async () => {
  services = await startServices(['minio-1', 'minio-2', 'dynamodb']);
});
afterAll(async () => {
  for (const machine of machines) machine[Symbol.dispose]();
  await services[Symbol.asyncDispose]();
});

function newMachine(host: string): Machine {
  const machine = new Machine();
  machines.push(machine);
  machine.env = { ...environmentOf(services), VERSIONS_HOST: host };
  return machine;
}

async function run(machine: Machine, ...args: readonly string[]): Promise<Outcome> {
  const outcome = await machine.run([...args, '--json']);
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
  return outcome;
}

/** Makes a repository in a bucket on both servers and a table, all of one name. */
async function init(machine: Machine, name: string): Promise<readonly string[]> {
  const mirrors: string[] = [];
  for (const server of ['minio-1', 'minio-2'] as const) {
    await makeBucket(services.get(server), name);
    mirrors.push('--mirror', `${server}=${urlOf(services.get(server), name)}`);
  }
  const endpoint = encodeURIComponent(services.get('dynamodb').endpoint);
  const catalog = ['--catalog', `dynamodb://${name}?endpoint=${endpoint}&region=us-east-1`];
  await run(machine, 'init', 'shared', ...mirrors, ...catalog);
  return [...mirrors, ...catalog];
}

/** Files of one MiB that nothing can be saved of: `from` up to `to`. */
function grow(directory: string, from: number, to: number): void {
  for (let number = from; number < to; number += 1) {
    mkdirSync(join(directory, `${number % 7}`), { recursive: true });
    writeFileSync(
      join(directory, `${number % 7}`, `${number}`),
      seededBytes(directory + number, 2 ** 20),
    );
  }
}

async function expectRestored(machine: Machine, snapshot: string, source: string): Promise<void> {
  const target = machine.path(`back-${snapshot}`);
  await run(machine, 'restore', snapshot, '-t', target, '--no-owner');
  expect(treeImage(join(target, source))).toEqual(treeImage(source));
}

/** Nothing is damaged or missing; left over may be what a run that was killed had not logged. */
async function expectSound(machine: Machine): Promise<JsonLine> {
  const { documents, summary } = await run(machine, 'verify', '--level', 'data');
  const kinds = documents.flatMap(({ type, kind }) => (type === 'finding' ? [String(kind)] : []));
  expect(kinds.filter((kind) => kind !== 'extra')).toEqual([]);
  expect(summary).toMatchObject({ lost: 0 });
  return (await run(machine, 'stats')).summary;
}

it(
  `${size.kills} kills at random moments, and what was logged is never stored twice`,
  async () => {
    const machine = newMachine('killed');
    await init(machine, 'kills');
    const data = machine.path('data');
    const random = new SeededRandom('kills');
    const begin = Math.floor(size.treeMebibytes / 3);
    const begun = Date.now();
    grow(data, 0, 1);
    await run(machine, 'backup', data);
    let usualMs = (Date.now() - begun) * 1.5;
    let killed = 0;
    let present = begin;
    grow(data, 1, begin);
    for (let attempt = 0; killed < size.kills && attempt < size.kills * 3; attempt += 1) {
      const child = machine.start(['backup', data]);
      const ended = outcomeOf(child);
      const started = Date.now();
      await Promise.race([sleep((random.below(1000) / 1000) * usualMs), ended]);
      child.kill('SIGKILL');
      const { code, stderr } = await ended;
      expect(`${code} ${stderr}`).toMatch(/^(?:0|3|null) /);
      if (code === null) killed += 1;
      else usualMs = Math.max(1000, Date.now() - started);
      const wanted = begin + Math.ceil(((size.treeMebibytes - begin) * killed) / size.kills);
      grow(data, present, wanted);
      present = wanted;
    }
    expect(killed).toBe(size.kills);
    await run(machine, 'mirror', 'sync');
    const { summary } = await run(machine, 'backup', data);
    const { packBytes } = await expectSound(machine);
    // Random data: every byte is stored once, and trees and tables are little beside it.
    expect(Number(packBytes)).toBeLessThan(size.treeMebibytes * 2 ** 20 * 1.05);
    await expectRestored(machine, String(summary['snapshotId']), data);
  },
  timeLimitMs,
);

it(
  `${size.clients} clients at once, each with ${size.clientMebibytes} MiB of its own, lose nothing and see each other's chunks`,
  async () => {
    const first = newMachine('client-0');
    const places = await init(first, 'clients');
    const clients = [first];
    for (let number = 1; number < size.clients; number += 1) {
      const client = newMachine(`client-${number}`);
      client.env['VERSIONS_KEY_FILE'] = join(first.home, '.config/versions/shared.key');
      await run(client, 'connect', 'shared', ...places, '--take-over');
      clients.push(client);
    }
    for (const client of clients) grow(client.path('data'), 0, size.clientMebibytes);
    const saved = await Promise.all(
      clients.map((client) => run(client, 'backup', client.path('data'))),
    );
    const total = size.clients * size.clientMebibytes * 2 ** 20;
    const afterFirst = await expectSound(first);
    expect(Number(afterFirst['packBytes'])).toBeLessThan(total * 1.1);
    const snapshots = await run(first, 'snapshots');
    expect(snapshots.summary).toMatchObject({ snapshots: size.clients });

    // Each saves what its neighbour has: nothing of it is new.
    const again = await Promise.all(
      clients.map((client, at) => {
        const neighbour = clients[(at + 1) % clients.length] ?? client;
        return run(client, 'backup', neighbour.path('data'));
      }),
    );
    for (const { summary } of again) expect(Number(summary['bytesNew'])).toBeLessThan(2 ** 20);
    await expectSound(first);
    for (const [at, client] of isFull ? clients.entries() : [...clients.entries()].slice(0, 2)) {
      await expectRestored(first, String(saved[at]?.summary['snapshotId']), client.path('data'));
    }
  },
  timeLimitMs,
);
