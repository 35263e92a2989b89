import { LogMonitor } from '../shared/log-monitor.ts';
import type { MetricName } from '../shared/metric-names.ts';
import { metricsLine } from '../shared/metrics.ts';
import { openMirrors } from '../shared/open-mirrors.ts';
import { type RunTime, timeLeft } from '../shared/run-time.ts';
import type { Surroundings } from '../shared/surroundings.ts';
import type { WorkerSettings } from '../shared/worker-settings.ts';
import { countCopies, lookAtHealth } from './look-at-health.ts';
import { detailOf, noticesOf, unsent } from './notices.ts';

export interface ReporterResult {
  readonly repository: boolean;
  /** Subjects of what was sent. */
  readonly sent: readonly string[];
}

const hourMs = 60 * 60 * 1000;

/**
 * Tells the metrics how things stand, and people what they have to know. With `count`, it also goes
 * through the whole ledger, which is for once a day.
 */
export async function runReporter(
  { count }: { readonly count: boolean },
  settings: WorkerSettings,
  surroundings: Surroundings,
  runTime: RunTime,
): Promise<ReporterResult> {
  using time = timeLeft(runTime);
  const { clock } = surroundings;
  const monitor = new LogMonitor(surroundings.log);
  const options = { monitor, signal: time.signal };
  await using open = await openMirrors(settings.mirrors, surroundings, options);
  await using catalog = await surroundings.openCatalog(settings.catalog);
  // Before the first backup nothing is missing; afterwards all mirrors may be away.
  if (open === undefined && (await catalog.tip()) === undefined) {
    surroundings.log(metricsLine(settings.deployment, clock, { Reports: 1 }));
    return { repository: false, sent: [] };
  }
  const now = clock.now();
  const health = await lookAtHealth(catalog, {
    mirrors: open?.mirrors ?? [],
    now,
    silentAfterMs: settings.silentAfterHours * hourMs,
  });
  const counted = count ? await countCopies(catalog.ledger) : undefined;
  const values: Partial<Record<MetricName, number>> = {
    Reports: 1,
    ObjectsLost: health.lost.length,
    ClientsSilent: health.silent.length,
    CopiesOwed: health.owed,
    CopiesBad: health.bad,
    OldestUnverifiedDays: health.oldestUnverifiedDays,
    ...(counted === undefined
      ? {}
      : {
          ObjectsWithOneCopy: counted.one,
          ObjectsWithTwoCopies: counted.two,
          ObjectsWithMoreCopies: counted.more,
        }),
  };
  surroundings.log(metricsLine(settings.deployment, clock, values));
  const absent = open?.absent ?? settings.mirrors.map(({ name }) => name);
  const notices = noticesOf(settings.deployment, health, absent);
  const sent: string[] = [];
  for (const notice of await unsent(notices, catalog.ledger, now)) {
    if (settings.topic === undefined) break;
    await surroundings.publish(settings.topic, notice.subject.slice(0, 100), notice.text);
    const event = { at: now, kind: 'reported', by: 'reporter', detail: detailOf(notice) };
    await catalog.ledger.addEvent(event);
    sent.push(notice.subject);
  }
  surroundings.log({ type: 'reported', sent, health: { ...health, lost: health.lost.length } });
  return { repository: true, sent };
}
