import { existsSync } from 'node:fs';
import {
  type Catalog,
  HashThreads,
  isVersionsError,
  type KeylessSummary,
  openCatalog,
  resolvePlace,
  verifyKeyless,
} from '../../core/index.ts';
import { thisHost } from '../machine.ts';
import { showHealed, showHealPlan } from '../output/heal-output.ts';
import { formatBytes, formatCounted, formatDuration } from '../output/measures.ts';
import type { CommandResult, Session } from '../session.ts';
import { type NamedPlace, openPlaces } from '../setup/open-places.ts';
import { catalogFile, placesOf } from '../setup/places.ts';
import { ageOption, levelOption, mirrorOption, subsetOption } from '../setup/verify-options.ts';

/** Verifies places, and heals them if told so, without any key. */
export async function runKeyless(session: Session): Promise<CommandResult> {
  const { context, monitor, output, settings } = session;
  monitor.exitCodeOfProblem = ({ code }) => (code === 'OBJECT_NOT_MENDED' ? 21 : 20);
  const isHealing = settings.flag('heal');
  const dryRun = settings.flag('dry-run');
  const { mirrors, catalog: url } = placesOfSession(session);
  const places = await openPlaces(mirrors, isHealing && !dryRun);
  await using catalog = await openLedger(url);
  session.showProgress();
  const level = levelOption(session);
  const { clock, signal } = context;
  await using threads = new HashThreads(context.threads);
  const summary = await verifyKeyless(places, {
    level,
    subset: subsetOption(session),
    ageMsMin: ageOption(session),
    heal: isHealing
      ? {
          dryRun,
          mirror: mirrorOption(session),
          noBreaker: settings.flag('unsafe-no-breaker'),
          onPlan: (plan) => showHealPlan(plan, output),
        }
      : undefined,
    ledger: catalog?.ledger,
    threads,
    by: thisHost(),
    // Without a catalog, this output is all that tells of it.
    onEvent: catalog === undefined ? (event) => showHealed(event, output) : undefined,
    monitor,
    clock,
    signal,
  });
  return finish(session, level, summary);
}

/** Those that were given; else the mirrors of the configured repository, and its catalog. */
function placesOfSession(session: Session): {
  readonly mirrors: readonly NamedPlace[];
  readonly catalog?: string | undefined;
} {
  const { operands, io, settings } = session;
  const base = { directory: io.directory, home: io.home };
  if (operands.length > 0) {
    return { mirrors: operands.map((name) => ({ name, url: resolvePlace(name, base) })) };
  }
  if (session.isPlace) {
    const name = settings.text('repository') ?? '';
    return { mirrors: [{ name, url: resolvePlace(name, base) }] };
  }
  return placesOf(session.configuredRepository(), settings, io);
}

/** The ledger is a hint: without one everything is read. */
async function openLedger(url: string | undefined): Promise<Catalog | undefined> {
  const file = url === undefined ? undefined : catalogFile(url);
  if (url === undefined || (file !== undefined && !existsSync(file))) return undefined;
  try {
    return await openCatalog(url, { readOnly: false });
  } catch (error) {
    if (!isVersionsError(error)) throw error;
    return undefined;
  }
}

function finish(session: Session, level: string, summary: KeylessSummary): CommandResult {
  const { monitor, output, measures } = session;
  const { healed, lost } = summary;
  const parts = [
    `${formatCounted(summary.objects, 'object')} in ${formatCounted(summary.mirrors, 'mirror')} verified (${level}, without a key)`,
    `${formatBytes(summary.bytesRead, measures.exactBytes)} read`,
    `in ${formatDuration(summary.durationMs)}`,
    formatCounted(summary.findings, 'finding'),
    `${lost} lost`,
  ];
  output.line(parts.join(', '));
  if (healed) {
    output.line(
      `${formatCounted(healed.mended, 'copy', 'copies')} mended, ${healed.left} left, ${formatBytes(healed.bytesWritten, measures.exactBytes)} written`,
    );
  }
  const fields = { level, keyless: true, ...summary };
  if (lost > 0) return { exitCode: 21, summary: fields };
  const isAway = summary.absent > 0 && mirrorOption(session) === undefined;
  const isOpen = healed ? healed.left > 0 || isAway : monitor.hasDamage;
  return { exitCode: isOpen ? 20 : 0, summary: fields };
}
