/**
 * How long it takes to take up a repository with a long journal on a machine that knows nothing of
 * it: one directory mirror, each call to which takes some time, as one to a bucket does.
 *
 *     node bench/connect.ts [ENTRIES] [DIRECTORY] [MILLISECONDS A CALL]
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connectRepository,
  type Context,
  initRepository,
  openRepository,
  silentMonitor,
  systemClock,
  systemRandom,
} from '../src/core/index.ts';
import { newId } from '../src/core/base/index.ts';
import { packNameOf } from '../src/core/format/index.ts';
import { writeCheckpointIfDue } from '../src/core/repository/index.ts';
import { openStore, RecordingStore } from '../src/core/store/index.ts';

const entries = Number(process.argv[2] ?? 10_000);
const root = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'versions-connect-'));
const callMs = Number(process.argv[4] ?? 20);
const packsInEntry = 3;
const secret = { kind: 'key', key: new Uint8Array(32).fill(1) } as const;
const plain: Context = { clock: systemClock, random: systemRandom, monitor: silentMonitor };

const placesOf = (name: string) => ({
  mirrors: [{ name: 'mirror', url: join(root, 'mirror') }],
  catalog: `sqlite:${join(root, `${name}.db`)}`,
  cacheDir: join(root, `${name}-cache`),
});

/** A journal as many small backups leave it, with checkpoints or without. */
async function makeJournal(checkpointEntries: number): Promise<void> {
  const places = placesOf('first');
  await initRepository(places, { secret }, plain);
  await using repository = await openRepository(places, { secret, readOnly: false }, plain);
  const session = newId(systemRandom);
  for (let entry = repository.state.tip?.number ?? 0; entry < entries; entry++) {
    const packs = Array.from({ length: packsInEntry }, () => ({
      name: packNameOf(randomBytes(32)),
      bytes: 1_000_000,
      tableBytes: 1000,
      kind: 'data' as const,
      chunkCount: 10,
      salt: randomBytes(32),
    }));
    await repository.log.append(() => [{ type: 'packs', session, packs }]);
    await writeCheckpointIfDue(repository, { ...plain, checkpointEntries });
  }
}

async function measure(name: string): Promise<void> {
  let calls = 0;
  const context: Context = {
    ...plain,
    doors: {
      openStore: async (url, options) =>
        new RecordingStore(await openStore(url, options), async () => {
          calls += 1;
          await sleep(callMs);
        }),
    },
  };
  const began = performance.now();
  const before = process.cpuUsage();
  const connected = await connectRepository(placesOf(name), { secret }, context);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1e6;
  console.log(
    `${name}: ${connected.entries} entries, ${seconds.toFixed(1)} s, ${cpu.toFixed(1)} s of processor, ${calls} calls of ${callMs} ms`,
  );
}

try {
  console.log(`${cpus()[0]?.model ?? 'a processor'}, Node ${process.version}`);
  for (const [name, every] of [
    ['without-checkpoints', Infinity],
    ['with-checkpoints', 256],
  ] as const) {
    await makeJournal(every);
    await measure(name);
    for (const left of ['mirror', 'first.db', 'first-cache'])
      rmSync(join(root, left), { recursive: true });
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
