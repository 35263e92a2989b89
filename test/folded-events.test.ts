/** What keyless workers note in the ledger, the next backup takes into the journal, each once. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WriteSession } from '../src/core/repository/index.ts';
import { openStore } from '../src/core/store/index.ts';
import {
  CollectingMonitor,
  openCatalog,
  openRepository,
  rebuildCatalog,
  type RecentEvent,
  recentEvents,
  systemClock,
  verifyKeyless,
} from '../src/core/index.ts';
import { RecordingCatalog } from './support/recording-catalog.ts';
import { seededBytes } from './support/seeded-random.ts';
import {
  createTestRepository,
  type TestRepository,
  testSecret,
} from './support/test-repository.ts';

let repository: TestRepository;
let source: string;
let pack: string;
let catalog: string;

beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2 });
  catalog = repository.places.catalog ?? '';
  source = repository.path('source');
  mkdirSync(source);
  writeFileSync(join(source, 'file'), seededBytes('folded events', 300_000));
  await repository.backup(source);
  const { summary } = await repository.use(true, ({ state }) => state.packs.at(0)?.name ?? '');
  pack = `packs/${summary.slice(0, 2)}/${summary}`;
});
afterEach(() => repository[Symbol.dispose]());

/** Breaks a copy of the first mirror, and mends it as the NAS would: without any key. */
async function healKeylessly(): Promise<void> {
  const path = join(repository.mirror(1), pack);
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
  await using health = await openCatalog(catalog, { readOnly: false });
  const { healed } = await verifyKeyless(
    await Promise.all(
      [1, 2].map(async (number) => ({
        name: `m${number}`,
        store: await openStore(repository.mirror(number), { create: false, readOnly: false }),
      })),
    ),
    {
      level: 'data',
      heal: { dryRun: false },
      ledger: health.ledger,
      monitor: new CollectingMonitor(),
      clock: systemClock,
      by: 'nas',
    },
  );
  expect(healed).toMatchObject({ mended: 1, left: 0, lost: [] });
}

/** The events in the journal, read from the entries anew. */
async function folded(of: TestRepository = repository): Promise<readonly (string | undefined)[]> {
  const read = await of.use(true, async ({ log }) => {
    const events = [];
    for await (const row of log.rows(0)) {
      for (const record of await log.recordsOf(row)) {
        if (record.type === 'events') events.push(...record.events);
      }
    }
    return events;
  });
  return read.summary.map(({ kind, by, object }) => `${kind} ${by} ${object}`);
}

async function shown(of: TestRepository = repository): Promise<readonly RecentEvent[]> {
  const { summary } = await of.use(true, (opened) => recentEvents(opened, systemClock.now()));
  return summary;
}

function begin(of: TestRepository = repository): Promise<unknown> {
  return of.use(false, async (opened) => {
    await using session = await WriteSession.begin(opened, { host: 'test' });
    await session.end();
  });
}

const healed = (): string => `healed nas ${pack}`;

describe('events of the ledger', () => {
  it('are taken into the journal by the next backup, each once', async () => {
    await healKeylessly();
    expect(await folded()).toEqual([]);
    await repository.backup(source);
    expect(await folded()).toEqual([healed()]);
    await repository.backup(source);
    expect(await folded()).toEqual([healed()]);
    await healKeylessly();
    await repository.backup(source);
    expect(await folded()).toEqual([healed(), healed()]);
    const times = (await shown()).map(({ at }) => at);
    expect(times).toHaveLength(2);
    expect(times.toSorted((a, b) => b - a)).toEqual(times);
  });

  it('are shown after the catalog and all caches were lost, and never twice', async () => {
    await healKeylessly();
    const before = await shown();
    expect(before).toMatchObject([{ kind: 'healed', mirror: 'm1', object: pack, by: 'nas' }]);
    await repository.backup(source);
    expect(await shown()).toEqual(before);
    rmSync(repository.catalogFile);
    rmSync(repository.path('cache'), { recursive: true });
    const monitor = new CollectingMonitor();
    await rebuildCatalog(
      { ...repository.places, catalog },
      { secret: testSecret },
      repository.context(monitor),
    );
    await using emptied = await openCatalog(catalog, { readOnly: false });
    expect(await emptied.ledger.events(10)).toEqual([]);
    expect(await shown()).toEqual(before);
    // A saved state tells the same as the journal.
    expect(await shown()).toEqual(before);
    await repository.backup(source);
    expect(await folded()).toEqual([healed()]);
  });

  it('are taken in once by two clients that have read the same ledger', async () => {
    await healKeylessly();
    const context = repository.context(new CollectingMonitor());
    const options = { secret: testSecret, readOnly: false };
    await using one = await openRepository(repository.places, options, context);
    await using two = await openRepository(
      { ...repository.places, cacheDir: repository.path('other-cache') },
      options,
      context,
    );
    const sessions = await Promise.all(
      [one, two].map((opened) => WriteSession.begin(opened, { host: 'test' })),
    );
    for (const session of sessions) {
      await session.end();
      await session[Symbol.asyncDispose]();
    }
    expect(await folded()).toEqual([healed()]);
  });

  it('survive clients that die before and after the row is kept', async () => {
    await healKeylessly();
    for (const when of ['before', 'after'] as const) {
      const dying = repository.with({}, { doors: { openCatalog: openDying(when) } });
      await expect(begin(dying)).rejects.toThrow('Dead');
      expect(await folded()).toEqual(when === 'before' ? [] : [healed()]);
    }
    await begin();
    expect(await folded()).toEqual([healed()]);
  });
});

/** A catalog whose process ends at its next append. */
function openDying(when: 'before' | 'after'): typeof openCatalog {
  return async (url, options) => {
    const inner = await openCatalog(url, options);
    const dying = new RecordingCatalog(inner, () => {});
    const append = dying.append.bind(dying);
    return Object.assign(dying, {
      append: async (...args: Parameters<typeof append>) => {
        if (when === 'after') await append(...args);
        throw new Error('Dead');
      },
    });
  };
}
