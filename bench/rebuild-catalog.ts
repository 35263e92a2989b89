/**
 * How long it takes to make a catalog from packs alone, with no journal left: synthetic packs of
 * sixteen chunks each in one directory mirror.
 *
 *     node bench/rebuild-catalog.ts [PACKS] [DIRECTORY]
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Context,
  initRepository,
  openRepository,
  rebuildCatalog,
  silentMonitor,
  systemClock,
  systemRandom,
} from '../src/core/index.ts';
import { PackBuilder } from '../src/core/workers/index.ts';

const chunksInPack = 16;
const chunkBytes = 64;

const packs = Number(process.argv[2] ?? 10_000);
const root = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'versions-rebuild-'));
const mirror = join(root, 'mirror');
const context: Context = { clock: systemClock, random: systemRandom, monitor: silentMonitor };
const secret = { kind: 'key', key: new Uint8Array(32).fill(1) } as const;
const placeOf = (name: string): { catalog: string; cacheDir: string } => ({
  catalog: `sqlite:${join(root, `${name}.db`)}`,
  cacheDir: join(root, `${name}-cache`),
});
const mirrors = [{ name: 'mirror', url: mirror }];

/** Writes packs into the mirror as an upload would leave them. */
async function makePacks(): Promise<void> {
  const places = { mirrors, ...placeOf('first') };
  await initRepository(places, { secret }, context);
  await using repository = await openRepository(places, { secret, readOnly: true }, context);
  const { keys, id } = repository;
  let used: SharedArrayBuffer | undefined;
  const builder = new PackBuilder({
    kind: 'data',
    keys,
    repository: id,
    packBytes: 1024 * 1024,
    blockBytes: 1024 * 1024,
    chunkBytesMax: chunkBytes,
    random: systemRandom,
    takeBuffer: () => used,
    onPack: ({ name, buffer, bytes }) => {
      const directory = join(mirror, 'packs', name.slice(0, 2));
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, name), new Uint8Array(buffer, 0, bytes));
      used = buffer;
    },
  });
  for (let pack = 0; pack < packs; pack++) {
    for (let chunk = 0; chunk < chunksInPack; chunk++) {
      const text = createHash('sha512').update(`${pack}/${chunk}`).digest();
      builder.addChunk(text, 0, keys.ids.idOf(0, text));
    }
    builder.finish();
  }
  rmSync(join(mirror, 'journal'), { recursive: true });
}

try {
  await makePacks();
  const began = performance.now();
  const before = process.cpuUsage();
  const { packsFound } = await rebuildCatalog(
    { mirrors, ...placeOf('second') },
    { secret },
    context,
  );
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1e6;
  process.stdout.write(
    `${packsFound} packs: ${seconds.toFixed(1)} s, ${cpu.toFixed(1)} CPU seconds, ` +
      `${cpus().length} processors\n`,
  );
} finally {
  rmSync(root, { recursive: true, force: true });
}
