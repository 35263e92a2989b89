import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { exitErrorIn, Machine, type Outcome, outcomeOf } from '../../cli/machine.ts';
import { seededBytes } from '../../support/seeded-random.ts';
import { shiftedClock } from '../../support/shifted-clock.ts';
import { SlowProxy } from '../../support/slow-proxy.ts';
import { treeImage } from '../../support/tree-image.ts';
import { makeBucket, urlOf } from '../buckets.ts';
import type { ServiceName } from '../service.ts';
import { environmentOf, type Services, startServices } from '../services.ts';

/** A backup to one bucket of a real server, and what comes between. */
let services: Services;
let machine: Machine;
let proxy: SlowProxy;
let count = 0;
beforeAll(async () => {
  services = await startServices(['minio-1', 'versitygw']);
});
afterAll(() => services[Symbol.asyncDispose]());
beforeEach(async () => {
  machine = new Machine();
  machine.env = environmentOf(services);
  const files: Record<string, Buffer> = {};
  for (let number = 0; number < 60; number += 1) {
    files[`data/${number % 5}/${number}`] = seededBytes(`between ${number}`, 2 ** 20);
  }
  await machine.write(files);
});
afterEach(async () => {
  machine[Symbol.dispose]();
  await proxy[Symbol.asyncDispose]();
});

async function well(...args: readonly string[]): Promise<Outcome> {
  const outcome = await machine.run([...args, '--json']);
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
  return outcome;
}

async function init(name: ServiceName): Promise<string> {
  count += 1;
  const bucket = `between-${count}`;
  await makeBucket(services.get(name), bucket);
  proxy = await SlowProxy.start(services.get(name).endpoint);
  await well('init', '--mirror', `m=${urlOf(proxy, bucket)}`);
  return bucket;
}

/** Everything is there and comes back; nothing that was logged is stored twice. */
async function expectWell(): Promise<void> {
  const { documents } = await well('verify', '--level', 'data');
  const kinds = documents.flatMap(({ type, kind }) => (type === 'finding' ? [kind] : []));
  expect(kinds.filter((kind) => kind !== 'extra')).toEqual([]);
  const { packBytes } = (await well('stats')).summary;
  expect(Number(packBytes)).toBeLessThan(60 * 2 ** 20 * 1.05);
  await well('restore', 'latest', '-t', 'back', '--no-owner');
  const restored = join(machine.path('back'), machine.path('data'));
  expect(treeImage(restored)).toEqual(treeImage(machine.path('data')));
}

/** Starts a backup, and resolves in the middle of its first packs: nothing more comes through. */
async function begin() {
  const held = proxy.holdAfter(20 * 2 ** 20);
  const child = machine.start(['backup', 'data', '--json']);
  const ended = outcomeOf(child);
  await held;
  return { child, ended };
}

it('the lid of a laptop is closed and opened: stopped in mid-upload, every connection gone, the clock eight hours on', async () => {
  await init('minio-1');
  const opened = machine.path('opened');
  machine.env = {
    ...machine.env,
    ...shiftedClock(machine.path('clock.mjs'), { hours: 8, after: opened }),
  };
  const { child, ended } = await begin();
  child.kill('SIGSTOP');
  const minio = services.get('minio-1');
  await minio.kill();
  await minio.start();
  proxy.release();
  writeFileSync(opened, '');
  child.kill('SIGCONT');
  const outcome = await ended;
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
  await expectWell();
});

it('half a minute of a server that is gone is waited for', async () => {
  await init('minio-1');
  const { ended } = await begin();
  const minio = services.get('minio-1');
  await minio.kill();
  proxy.release();
  await sleep(30_000);
  await minio.start();
  const outcome = await ended;
  expect(`${outcome.code} ${outcome.stderr}`).toMatch(/^0 /);
  await expectWell();
});

it('a bucket that is deleted in mid-run is one clear error, and made anew nothing of it is believed', async () => {
  const bucket = await init('versitygw');
  const { ended } = await begin();
  const versitygw = services.get('versitygw');
  // Else what is being written makes the directory anew.
  await versitygw.kill();
  renameSync(join(versitygw.data, bucket), join(versitygw.directory, `${bucket}-gone`));
  await versitygw.start();
  proxy.release();
  const began = Date.now();
  const outcome = await ended;
  expect(outcome.code).toBe(22);
  expect(exitErrorIn(outcome)).toMatchObject({
    code: expect.stringMatching(/QUORUM_LOST|STORE_ABSENT/),
  });
  expect(Date.now() - began).toBeLessThan(200_000);
  await makeBucket(versitygw, bucket);
  const again = await machine.run(['backup', 'data', '--json']);
  // Nothing of the repository is there: it is never taken for a mirror that lost everything.
  expect(exitErrorIn(again)?.['code']).toMatch(/NOT_FOUND|NO_MIRROR_REACHABLE|QUORUM_LOST/);
  expect(readdirSync(join(versitygw.data, bucket))).toEqual([]);
});

it('a bucket whose directory is taken away under the server, which makes it anew, is not believed', async () => {
  const bucket = await init('versitygw');
  const { ended } = await begin();
  const { data, directory } = services.get('versitygw');
  const gone = join(directory, `${bucket}-gone`);
  renameSync(join(data, bucket), gone);
  proxy.release();
  const outcome = await ended;
  expect(outcome.code).toBe(22);
  expect(exitErrorIn(outcome)?.['code']).toBe('QUORUM_LOST');
  // What the server made in its place goes; what was there before is brought back.
  rmSync(join(data, bucket), { recursive: true, force: true });
  renameSync(gone, join(data, bucket));
  await well('backup', 'data');
  await expectWell();
});
