import {
  defaultPrices,
  encodeWork,
  type Ledger,
  messageCopiesMax,
  type Monitor,
  planVerification,
  priceNameOf,
  readCost,
  takeCensus,
  type VerificationPlan,
  type WorkCopy,
} from '../../core/index.ts';
import { LogMonitor } from '../shared/log-monitor.ts';
import { metricsLine } from '../shared/metrics.ts';
import { type OpenMirror, type OpenMirrors, openMirrors } from '../shared/open-mirrors.ts';
import { type RunTime, timeLeft } from '../shared/run-time.ts';
import type { Surroundings } from '../shared/surroundings.ts';
import type { WorkerSettings } from '../shared/worker-settings.ts';

export interface PlannerResult {
  /** False: no mirror shows a repository yet. */
  readonly repository: boolean;
  readonly plan?: VerificationPlan;
  readonly debts?: number;
  readonly absent: readonly string[];
}

const dayMs = 24 * 60 * 60 * 1000;
/** Looked at in one run, over all mirrors: enough for a small repository, a part of a large one. */
const censusObjectsMax = 2000;
/** Copies that nobody reported on are handed out again after that. */
const againMs = 6 * 60 * 60 * 1000;
/** What clients said of copies that one run takes over. */
const claimsMax = 5000;
/** Debts that one run asks a mirror to be paid. */
const debtsMax = 400;

/** One run of the planner: fills the queues with what is due, and with what mirrors are owed. */
export async function runPlanner(
  settings: WorkerSettings,
  surroundings: Surroundings,
  runTime: RunTime,
): Promise<PlannerResult> {
  using time = timeLeft(runTime);
  const monitor = new LogMonitor(surroundings.log);
  await using open = await openMirrors(settings.mirrors, surroundings, {
    monitor,
    signal: time.signal,
  });
  if (open === undefined) {
    return { repository: false, absent: settings.mirrors.map(({ name }) => name) };
  }
  await using catalog = await surroundings.openCatalog(settings.catalog);
  const { ledger } = catalog;
  const claims = await ledger.takeClaims(claimsMax);
  if (claims > 0) surroundings.log({ type: 'claims', taken: claims });
  await census(open, ledger, { settings, surroundings, monitor, signal: time.signal });
  const plan = await planVerification(ledger, {
    repository: open.repository,
    mirrors: open.mirrors.map((mirror) => ({
      id: mirror.id,
      name: mirror.name,
      ...readCost(mirror.settings.price, isNear(mirror, settings), defaultPrices),
    })),
    now: surroundings.clock.now(),
    bytesMax: settings.bytesPerRunMax,
    dollarsMax: settings.dollarsPerRunMax,
    againMs,
    send: async (message) => {
      const mirror = open.mirrors.find(({ id }) => id === message.mirror);
      const queue = mirror?.settings.verifyQueue;
      if (queue !== undefined) await surroundings.send(queue, encodeWork(message));
    },
    signal: time.signal,
  });
  let debts = 0;
  for (const mirror of open.mirrors) debts += await askForDebts(mirror, open, ledger, surroundings);
  const values = { CopiesPlanned: plan.copies };
  surroundings.log(metricsLine(settings.deployment, surroundings.clock, values));
  const result = { repository: true, plan, debts, absent: open.absent };
  surroundings.log({ type: 'planned', ...result });
  return result;
}

async function census(
  open: OpenMirrors,
  ledger: Ledger,
  options: {
    readonly settings: WorkerSettings;
    readonly surroundings: Surroundings;
    readonly monitor: Monitor;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { settings, surroundings, signal } = options;
  for (const mirror of open.mirrors) {
    const found = await takeCensus(mirror, {
      ledger,
      mirrors: open.mirrors.map(({ id }) => id),
      now: surroundings.clock.now(),
      objectsMax: Math.ceil(censusObjectsMax / open.mirrors.length),
      maxAgeMs: settings.maxAgeDays * dayMs,
      signal,
    });
    if (found.added > 0) surroundings.log({ type: 'census', mirror: mirror.name, ...found });
  }
}

/** Asks the healer of a mirror for what it is owed, each debt once in a while. */
async function askForDebts(
  mirror: OpenMirror,
  { repository }: OpenMirrors,
  ledger: Ledger,
  { clock, send }: Surroundings,
): Promise<number> {
  const queue = mirror.settings.healQueue;
  if (queue === undefined) return 0;
  const now = clock.now();
  const debts: WorkCopy[] = [];
  for await (const copy of ledger.copies({ mirror: mirror.id, state: 'debt' })) {
    // What is due later than asking puts it was due as a good copy, before it became a debt.
    const { nextDue = 0 } = copy;
    if (copy.life === 'swept' || (nextDue > now && nextDue <= now + againMs)) continue;
    debts.push({ object: copy.object, bytes: copy.bytes });
    if (debts.length === debtsMax) break;
  }
  for (let start = 0; start < debts.length; start += messageCopiesMax) {
    const copies = debts.slice(start, start + messageCopiesMax);
    await send(queue, encodeWork({ repository, mirror: mirror.id, copies }));
    const nextDue = now + againMs;
    await ledger.setDue(copies.map(({ object }) => ({ object, mirror: mirror.id, nextDue })));
  }
  return debts.length;
}

/** AWS takes nothing for what is read inside one region. */
function isNear({ settings: mirror }: OpenMirror, { catalog }: WorkerSettings): boolean {
  const regionOf = (url: string): string | null =>
    URL.canParse(url) ? new URL(url).searchParams.get('region') : null;
  const isAws = priceNameOf(mirror.url).startsWith('s3-');
  return isAws && regionOf(mirror.url) === regionOf(catalog);
}
