import {
  absentMembers,
  applyRemoval,
  type ConfigEdit,
  markerIdAt,
  type MirrorConfig,
  type MirrorId,
  mirrorUnknown,
  planRemoval,
  type RemovalPlan,
  type Repository,
  VersionsError,
} from '../../core/index.ts';
import { formatCounted } from '../output/measures.ts';
import { safeText } from '../output/safe-text.ts';
import type { CommandResult, Session } from '../session.ts';
import { changeConfiguration, checkConfigurationChange } from '../setup/change-configuration.ts';
import { openWithMirrors, writableRepository } from '../setup/open-session.ts';
import { mirrorPlaceOf } from '../setup/places.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { operands, settings, context, signal, output } = session;
  const [name = ''] = operands;
  const configured = writableRepository(session);
  const mirror = configured.mirrors.find((other) => other.name === name);
  const others = configured.mirrors.filter((other) => other !== mirror);
  if (others.length === 0) throw lastMirror(name);
  const lost = settings.flag('lost');
  const shown = mirror && (await markerIdAt(mirrorPlaceOf(mirror, session.io), context));
  await using opened = await openWithMirrors(session, configured, others);
  const { repository } = opened;
  const id = shown ?? memberOf(repository, name, mirror);
  if (id === undefined && mirror === undefined) {
    throw mirrorUnknown(name, [
      ...configured.mirrors.map((other) => other.name),
      ...absentMembers(repository).map((member) => `${member.name} (${member.id})`),
    ]);
  }
  session.showProgress();
  const mirrorsMin = settings.number('mirrors-min');
  const plan = await planRemoval(repository, { name, id, mirrorsMin, lost, signal });
  tell(session, name, plan);
  const exitCode = plan.nowhere.length > 0 ? 21 : 0;
  const dryRun = settings.flag('dry-run');
  const { nowhere, ...counts } = plan;
  const summary = { dryRun, mirror: name, ...counts, mirrorId: id, lost: nowhere.length };
  const edits = editsOf(mirror, plan);
  await checkConfigurationChange(session, configured.name, edits);
  if (dryRun) {
    output.line(
      `mirror ${safeText(name)} would be removed; what lies there would be left as it is`,
    );
    return { exitCode, summary };
  }
  await applyRemoval(repository, plan, signal);
  await changeConfiguration(session, configured.name, edits);
  output.line(`mirror ${safeText(name)} removed; what lies there was left as it is`);
  return { exitCode, summary };
}

/** The journal's id of a mirror that cannot be asked for it: by its name, its id, or the last one left. */
function memberOf(
  repository: Repository,
  name: string,
  mirror: MirrorConfig | undefined,
): MirrorId | undefined {
  const away = absentMembers(repository);
  const named = away.filter((member) => member.name === name || member.id === name);
  if (named.length === 1) return named[0]?.id;
  const isClear =
    mirror !== undefined && named.length === 0 && repository.mirrors.absent.length === 0;
  return isClear && away.length === 1 ? away[0]?.id : undefined;
}

function editsOf(mirror: MirrorConfig | undefined, plan: RemovalPlan): readonly ConfigEdit[] {
  const edits: ConfigEdit[] = [];
  if (mirror !== undefined) edits.push({ kind: 'remove-mirror', name: mirror.name });
  if (plan.lowers) edits.push({ kind: 'mirrors-min', value: plan.mirrorsMin });
  return edits;
}

function tell({ output }: Session, name: string, plan: RemovalPlan): void {
  const { lowers, mirrorsMin, mirrorsMinBefore: before, belowMin, nowhere } = plan;
  if (lowers) output.note(`mirrors-min is lowered to ${mirrorsMin}`);
  else if (mirrorsMin < before) {
    const mirrors = formatCounted(mirrorsMin, 'mirror');
    output.note(
      `from now on ${mirrors} must hold an object before it counts as stored, not ${before}`,
    );
  }
  if (belowMin > 0) {
    const objects = formatCounted(belowMin, 'object');
    output.note(`${objects} will be on fewer than ${mirrorsMin} of the mirrors that are here`);
  }
  if (nowhere.length > 0) {
    const objects = formatCounted(nowhere.length, 'object');
    output.note(
      `${objects} were only on ${safeText(name)} and are lost with it, such as ${nowhere[0] ?? ''}; ` +
        'versions verify names the snapshots, and the next backup stores again what is still there',
    );
  }
}

function lastMirror(name: string): VersionsError {
  return new VersionsError(
    'Usage',
    'MIRRORS_TOO_FEW',
    `Without ${name} the repository would have no mirror`,
    { hint: 'Add another one first: versions mirror add NAME URL' },
  );
}
