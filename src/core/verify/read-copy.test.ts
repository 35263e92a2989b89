/** What goes bad on the way from a bucket, and what is bad in it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { S3Double } from '../../../test/support/s3-double/s3-double.ts';
import { testRepository } from '../../../test/support/test-mirrors.ts';
import { createTestPack } from '../../../test/support/test-pack.ts';
import type { MirrorId } from '../base/index.ts';
import { MemoryCatalog } from '../catalog/index.ts';
import type { Mirror } from '../mirror/index.ts';
import { CollectingMonitor } from '../monitor/index.ts';
import { openStore } from '../store/index.ts';
import { HealthRecorder } from './health-recorder.ts';
import { judgeFor } from './judge.ts';
import { readCopy } from './read-copy.ts';
import { verifyCopies } from './verify-copies.ts';
import { verifyMirrors } from './verify-mirrors.ts';

const packs = [1, 2, 3].map((seed) => createTestPack(seed, 50_000));
const [pack = createTestPack(0, 1)] = packs;
const judge = judgeFor({ repository: testRepository });
const hour = 3_600_000;

let double: S3Double;
let mirror: Mirror;
let clock: FakeClock;
let catalog: MemoryCatalog;
beforeEach(async () => {
  double = await S3Double.start();
  double.bucket();
  clock = new FakeClock();
  catalog = new MemoryCatalog();
  const store = await openStore(double.url(), {
    create: false,
    readOnly: false,
    credentials: { kind: 'keys', load: async () => double.account },
  });
  mirror = { id: 'a'.repeat(32) as MirrorId, name: 'far', store };
  for (const { key, bytes } of packs) await store.put(key, [bytes]);
  // Every connection that the store keeps has carried something before what follows.
  await Promise.all(packs.map(({ key }) => store.get(key)));
  double.requests.length = 0;
});
afterEach(async () => {
  await mirror.store[Symbol.asyncDispose]();
  await double[Symbol.asyncDispose]();
});

const connectionsOf = (key: string): readonly number[] =>
  double.requests.flatMap((seen) => (seen.key === key ? [seen.connection ?? 0] : []));

async function verify(): Promise<{
  readonly findings: readonly unknown[];
  readonly notes: readonly string[];
}> {
  const monitor = new CollectingMonitor();
  const recorder = new HealthRecorder(catalog.ledger, clock.now(), (error) => {
    throw error;
  });
  const objects = packs.map(({ key, bytes }) => ({
    key,
    bytes: bytes.byteLength,
    hash: undefined,
  }));
  const { findings } = await verifyMirrors([mirror], objects, {
    level: 'data',
    judge,
    onCopy: (seen) => recorder.add(seen),
    monitor,
  });
  await recorder.flush();
  return { findings, notes: monitor.notes };
}

describe('a copy in a bucket', () => {
  it('that was damaged on its way is read again over a connection of its own', async () => {
    double.on('GET', /^packs/, { flipAt: 4321 }).times(1);
    const read = await readCopy(mirror, pack.key, judge);
    expect(read.good).toEqual(new Uint8Array(pack.bytes));
    expect(read.bad).toBeUndefined();
    expect(read.bytesRead).toBe(2 * pack.bytes.byteLength);
    expect(read.doubt).toMatch(/^Its bytes have the SHA-256 [0-9a-f]{64}$/);
    const [kept = 0, fresh = 0] = connectionsOf(pack.key);
    expect(connectionsOf(pack.key)).toHaveLength(2);
    expect(fresh).toBeGreaterThan(kept);
    // Nor is that one used again.
    await readCopy(mirror, pack.key, judge);
    expect(connectionsOf(pack.key).at(-1)).not.toBe(fresh);
  });

  it('counts as good then: it is a note, no finding, and is looked at again the next day', async () => {
    double.on('GET', new RegExp(pack.key), { flipAt: 4321 }).times(1);
    expect(await verify()).toMatchObject({
      findings: [],
      notes: [
        expect.stringMatching(/^far: 1 copy read badly once and well over a fresh connection/),
      ],
    });
    for (const { key } of packs) {
      const days = key === pack.key ? 1 : 30;
      expect(await catalog.ledger.copiesOf(key)).toMatchObject([
        { state: 'stored', lastVerified: clock.now(), nextDue: clock.now() + days * 24 * hour },
      ]);
    }
  });

  it('is damaged if the second look agrees', async () => {
    double.bucket().damage(pack.key, (bytes) => {
      bytes.writeUInt8(bytes.readUInt8(77) ^ 1, 77);
      return bytes;
    });
    expect(await verify()).toMatchObject({
      findings: [{ kind: 'corrupt', object: pack.key }],
      notes: [],
    });
    expect(new Set(connectionsOf(pack.key)).size).toBe(2);
  });

  it('is looked at again within the hour by a worker that met it so', async () => {
    double.on('GET', new RegExp(pack.key), { flipAt: 4321 }).times(1);
    const work = packs.map(({ key, bytes }) => ({ object: key, bytes: bytes.byteLength }));
    const result = await verifyCopies(mirror, work, {
      ledger: catalog.ledger,
      judge,
      clock,
      monitor: new CollectingMonitor(),
      maxAgeMs: 720 * hour,
      hasTime: () => true,
    });
    expect(result).toMatchObject({ good: 3, bad: [], left: [] });
    const [copy] = await catalog.ledger.copiesOf(pack.key);
    expect(copy).toMatchObject({ state: 'stored', nextDue: clock.now() + hour });
  });
});
