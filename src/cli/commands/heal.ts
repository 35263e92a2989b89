import {
  type HealSummary,
  isVersionsError,
  mendMarkers,
  mendOpening,
  reportLosses,
  runHeal,
  type VerifyLevel,
  type VersionsError,
} from '../../core/index.ts';
import { thisHost } from '../machine.ts';
import { showHealPlan } from '../output/heal-output.ts';
import { formatBytes, formatCounted, formatDuration } from '../output/measures.ts';
import type { CommandResult, Session } from '../session.ts';
import {
  lazySecret,
  type OpenedRepository,
  openForReading,
  openForWriting,
  writableRepository,
} from '../setup/open-session.ts';
import { placesOf } from '../setup/places.ts';
import { levelOption, mirrorOption } from '../setup/verify-options.ts';

export async function run(session: Session): Promise<CommandResult> {
  return healOpened(session, levelOption(session));
}

/** Looks at the mirrors at a level, and mends what is found. */
export async function healOpened(session: Session, level: VerifyLevel): Promise<CommandResult> {
  const { context, monitor, output, settings, measures } = session;
  monitor.exitCodeOfProblem = healExitCode;
  const dryRun = settings.flag('dry-run');
  const configured = writableRepository(session);
  const secret = lazySecret(session, configured.name);
  const places = placesOf(configured, settings, session.io);
  const markers = await mendMarkers(places, { secret, dryRun }, context);
  const open = (): Promise<OpenedRepository> =>
    dryRun ? openForReading(session, { secret }) : openForWriting(session, { secret });
  let before = markers;
  let summary: HealSummary;
  {
    await using opened = await open().catch(async (error: unknown) => {
      if (dryRun || !isVersionsError(error, 'Corrupt', 'Denied')) throw error;
      const mended = await mendOpening(places, { by: thisHost() }, context);
      if (mended === 0) throw error;
      before += mended;
      return open();
    });
    session.showProgress();
    summary = await runHeal(
      opened.repository,
      {
        level,
        dryRun,
        mirror: mirrorOption(session),
        from: settings.text('from'),
        object: settings.text('pack'),
        bytesMax: settings.number('max-bytes'),
        noBreaker: settings.flag('unsafe-no-breaker'),
        host: thisHost(),
        onPlan: (plan) => showHealPlan(plan, output),
      },
      context,
    );
  }
  const losses = summary.lost > 0 ? await nameLosses(session, secret) : 0;
  const { absent, bytesRead, bytesWritten, left, lost, salvaged, durationMs } = summary;
  const mended = summary.mended + before;
  const parts = [
    dryRun
      ? `${formatCounted(summary.findings, 'finding')}, nothing was done`
      : `${formatCounted(mended, 'copy', 'copies')} mended`,
    `${left} left`,
    `${lost} lost`,
    `${formatBytes(bytesRead, measures.exactBytes)} read`,
    `${formatBytes(bytesWritten, measures.exactBytes)} written`,
    `in ${formatDuration(durationMs)}`,
  ];
  output.line(parts.join(', '));
  if (salvaged) {
    output.line(
      `${formatCounted(salvaged.chunks, 'chunk')} of lost packs stored anew, ${salvaged.chunksLost} lost; back up the same data again to mend what is missing`,
    );
  }
  const fields = { level, ...summary, mended, losses };
  if (lost > 0) return { exitCode: 21, summary: fields };
  const isAway = absent > 0 && mirrorOption(session) === undefined;
  const isOpen = left > 0 || isAway || (dryRun && monitor.hasDamage);
  return { exitCode: isOpen ? 20 : 0, summary: fields };
}

/** What is only left as it was is damage; what is gone is loss. */
function healExitCode({ code }: VersionsError): number {
  return code === 'OBJECT_NOT_MENDED' || code === 'SNAPSHOT_INCOMPLETE' ? 21 : 20;
}

/** Opened anew: what was salvaged is read from where it is now. */
async function nameLosses(
  session: Session,
  secret: ReturnType<typeof lazySecret>,
): Promise<number> {
  await using opened = await openForReading(session, { secret });
  return await reportLosses(opened.repository, session.context);
}
