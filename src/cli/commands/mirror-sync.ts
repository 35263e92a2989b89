import {
  applySync,
  extendLocks,
  type Mirror,
  mirrorUnknown,
  planSync,
  type Repository,
  sweepTemporaries,
  type SyncPlan,
} from '../../core/index.ts';
import { mostSevere } from '../exit-codes.ts';
import { thisHost } from '../machine.ts';
import { formatBytes, formatCounted } from '../output/measures.ts';
import { safeText } from '../output/safe-text.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForWriting } from '../setup/open-session.ts';

interface Sums {
  objects: number;
  bytes: number;
  left: number;
  locked: number;
}

export async function run(session: Session): Promise<CommandResult> {
  const { operands, settings, signal, output, measures } = session;
  await using opened = await openForWriting(session);
  const { repository } = opened;
  const { targets, absent } = targetsOf(repository, operands);
  session.showProgress();
  const dryRun = settings.flag('dry-run');
  const sums: Sums = { objects: 0, bytes: 0, left: 0, locked: 0 };
  for (const mirror of targets) {
    const plan = await planSync(repository, mirror, signal);
    for (const key of plan.damaged) {
      output.note(`${safeText(mirror.name)}: ${key} is damaged, which versions heal mends`);
    }
    sums.left += plan.damaged.length;
    if (dryRun) report(session, plan, sums);
    else await sync(session, repository, { plan, sums });
    if (!dryRun && settings.flag('extend-locks')) await lock(session, repository, { mirror, sums });
  }
  for (const name of absent)
    output.note(`Mirror ${safeText(name)} is not here and was not synced.`);
  const size = formatBytes(sums.bytes, measures.exactBytes);
  const done = dryRun ? 'would be copied' : 'copied';
  const counted = formatCounted(targets.length, 'mirror');
  output.line(
    `${counted}: ${formatCounted(sums.objects, 'object')} of ${size} ${done}, ${sums.left} left`,
  );
  const exitCode = mostSevere(sums.left > 0 ? 20 : 0, absent.length > 0 ? 3 : 0);
  return { exitCode, summary: { dryRun, mirrors: targets.length, absent, ...sums } };
}

/** Those that are named, or all that are here. */
function targetsOf(
  { mirrors }: Repository,
  names: readonly string[],
): { readonly targets: readonly Mirror[]; readonly absent: readonly string[] } {
  const here = mirrors.mirrors;
  const away = mirrors.absent.map(({ name }) => name);
  const known = [...here.map(({ name }) => name), ...away];
  for (const name of names) if (!known.includes(name)) throw mirrorUnknown(name, known);
  if (names.length === 0) return { targets: here, absent: away };
  return {
    targets: here.filter(({ name }) => names.includes(name)),
    absent: away.filter((name) => names.includes(name)),
  };
}

function report({ output, measures }: Session, plan: SyncPlan, sums: Sums): void {
  const { mirror, owed, bytes, damaged } = plan;
  const size = formatBytes(bytes, measures.exactBytes);
  sums.objects += owed.length;
  sums.bytes += bytes;
  output.line(`${safeText(mirror.name)}  ${formatCounted(owed.length, 'object')} of ${size} owed`);
  output.document({
    type: 'mirror',
    name: mirror.name,
    objectsOwed: owed.length,
    bytesOwed: bytes,
    objectsDamaged: damaged.length,
  });
}

/** What could not be locked was told, and is left. */
async function lock(
  { output, signal }: Session,
  repository: Repository,
  { mirror, sums }: { readonly mirror: Mirror; readonly sums: Sums },
): Promise<void> {
  const { locked, left } = await extendLocks(repository, mirror, signal);
  sums.locked += locked;
  sums.left += left;
  output.line(`${safeText(mirror.name)}  ${formatCounted(locked, 'object')} locked anew`);
}

async function sync(
  { output, signal, measures, context }: Session,
  repository: Repository,
  { plan, sums }: { readonly plan: SyncPlan; readonly sums: Sums },
): Promise<void> {
  const { copied, present, bytesCopied, left } = await applySync(repository, plan, {
    by: thisHost(),
    signal,
  });
  sums.objects += copied;
  sums.bytes += bytesCopied;
  sums.left += left;
  const { name, store } = plan.mirror;
  const size = formatBytes(bytesCopied, measures.exactBytes);
  const objects = formatCounted(copied, 'object');
  output.line(`${safeText(name)}  ${objects} of ${size} copied, ${present} found, ${left} left`);
  output.document({
    type: 'mirror',
    name,
    objectsOwed: plan.owed.length,
    bytesOwed: plan.bytes,
    objectsDamaged: plan.damaged.length,
    objectsCopied: copied,
    bytesCopied,
    objectsLeft: left,
  });
  const swept = await sweepTemporaries(store, context.clock, { signal });
  if (swept.files > 0) {
    const what = formatCounted(swept.files, 'unfinished write');
    output.note(`${safeText(name)}: ${what} of killed runs removed`);
  }
}
