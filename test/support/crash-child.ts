/**
 * A process of its own that does one operation on a test repository and kills itself at its n-th
 * call to a store or to the catalog, before or after the call has done its work. Called with one
 * JSON argument (`CrashOrder`); prints the number of calls if it comes to the end.
 */
import { openCatalog } from '../../src/core/catalog/index.ts';
import {
  addMirror,
  applySync,
  CollectingMonitor,
  connectRepository,
  copyCatalog,
  type Context,
  type Doors,
  openNewPlace,
  planSync,
  rebuildCatalog,
  type Repository,
  type RepositoryPlaces,
  runHeal,
} from '../../src/core/index.ts';
import { openStore, RecordingStore } from '../../src/core/store/index.ts';
import { copiedCatalogUrl } from './copied-catalog-url.ts';
import { RecordingCatalog } from './recording-catalog.ts';
import { cheapContext, TestRepository, testSecret } from './test-repository.ts';

export type CrashOperation =
  | 'backup'
  | 'checkpoint'
  | 'take-over'
  | 'connect'
  | 'restore'
  | 'verify'
  | 'heal'
  | 'mirror-sync'
  | 'mirror-add'
  | 'rebuild'
  | 'copy';

export interface CrashOrder {
  readonly root: string;
  readonly places: RepositoryPlaces;
  readonly operation: CrashOperation;
  /** What is saved; a restore goes to `target` below the root. */
  readonly source: string;
  /** Number of the call, counted from 1; 0: never. */
  readonly killAt: number;
}

const order = JSON.parse(process.argv[2] ?? '{}') as CrashOrder;
let calls = 0;

function count(): void {
  calls += 1;
  if (calls === order.killAt) process.kill(process.pid, 'SIGKILL');
}

const doors: Doors = {
  openStore: async (url, options) => new RecordingStore(await openStore(url, options), count),
  openCatalog: async (url, options) => {
    count();
    return new RecordingCatalog(await openCatalog(url, options), count);
  },
};

const context: Partial<Context> = { doors, threads: 1 };
const repository = new TestRepository(order.root, order.places, context);
switch (order.operation) {
  case 'backup':
    await repository.backup(order.source);
    break;
  case 'checkpoint':
    await repository.backup(order.source, { context: { checkpointEntries: 4 } });
    break;
  case 'restore':
    await repository.restore(repository.path('target'));
    break;
  case 'verify':
    await repository.verify('data');
    break;
  case 'heal':
    await repository.use(false, (opened, full) =>
      runHeal(opened, { level: 'data', dryRun: false, host: 'test' }, full),
    );
    break;
  case 'mirror-sync':
    await repository.use(false, (opened) => syncAll(opened));
    break;
  case 'mirror-add':
    await repository.use(false, async (opened, full) => {
      const place = await openNewPlace({ name: 'm3', url: repository.mirror(3) }, full);
      await using _store = place.store;
      const { mirror } = await addMirror(opened, place);
      await applySync(opened, await planSync(opened, mirror), { by: 'test' });
    });
    break;
  case 'rebuild':
  case 'copy': {
    const full = { ...cheapContext, ...context, monitor: new CollectingMonitor() };
    const places = { ...order.places, catalog: order.places.catalog ?? '' };
    const to = copiedCatalogUrl(order.root);
    if (order.operation === 'copy') await copyCatalog(places, { secret: testSecret, to }, full);
    else await rebuildCatalog(places, { secret: testSecret }, full);
    break;
  }
  case 'connect':
  case 'take-over': {
    const full = { ...cheapContext, ...context, monitor: new CollectingMonitor() };
    const takeOver = order.operation === 'take-over';
    const options = { secret: testSecret, takeOver, readOnly: !takeOver };
    await connectRepository(order.places, options, full);
  }
}
process.stdout.write(`${calls}\n`);

async function syncAll(opened: Repository): Promise<void> {
  for (const mirror of opened.mirrors.mirrors) {
    await applySync(opened, await planSync(opened, mirror), { by: 'test' });
  }
}
