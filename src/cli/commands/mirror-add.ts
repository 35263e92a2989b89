import {
  addMirror,
  applySync,
  type ConfigEdit,
  isConfigName,
  lookAt,
  keepProbe,
  type Mirror,
  type MirrorConfig,
  newId,
  openNewPlace,
  planFill,
  planSync,
  probeStore,
  type Repository,
  type RepositoryConfig,
  VersionsError,
} from '../../core/index.ts';
import { thisHost } from '../machine.ts';
import { formatBytes, formatCounted } from '../output/measures.ts';
import type { CommandResult, Session } from '../session.ts';
import { changeConfiguration, checkConfigurationChange } from '../setup/change-configuration.ts';
import { checkApart, credentialsOfMirror, mirrorUrl } from '../setup/mirror-operands.ts';
import { openWithMirrors, writableRepository } from '../setup/open-session.ts';
import { mirrorPlaceOf } from '../setup/places.ts';
import { noteBadAnswers } from '../setup/try-out.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { settings, output, context, signal, measures } = session;
  const configured = writableRepository(session);
  const { mirror, isConfigured, others } = mirrorsOf(session, configured);
  const edits: ConfigEdit[] = isConfigured ? [] : [{ kind: 'add-mirror', mirror }];
  await checkConfigurationChange(session, configured.name, edits);
  await using opened = await openWithMirrors(session, configured, others);
  const { repository } = opened;
  const dryRun = settings.flag('dry-run');
  const place = await openNewPlace(mirrorPlaceOf(mirror, session.io), context);
  await using _store = place.store;
  session.showProgress();
  if (dryRun) {
    await lookAt(repository, place, signal);
    const plan = await planFill(repository, { ...place, id: newId(context.random) });
    const size = formatBytes(plan.bytes, measures.exactBytes);
    output.line(`would copy up to ${formatCounted(plan.owed.length, 'object')} of ${size}`);
    const { length: objects } = plan.owed;
    return { exitCode: 0, summary: { dryRun, mirror: mirror.name, objects, bytes: plan.bytes } };
  }
  const added = await addMirror(repository, place, signal);
  await changeConfiguration(session, configured.name, edits);
  await tryOut(session, repository, added.mirror);
  const what = added.isNew ? 'added' : 'is in the repository already';
  output.note(`mirror ${mirror.name} (${added.mirror.id.slice(0, 8)}) ${what}`);
  const base = { dryRun, mirror: mirror.name, mirrorId: added.mirror.id, isNew: added.isNew };
  if (settings.flag('no-sync')) {
    output.note(`It holds nothing yet: versions mirror sync ${mirror.name}`);
    return { exitCode: 0, summary: base };
  }
  const plan = await planSync(repository, added.mirror, signal);
  const summary = await applySync(repository, plan, { by: thisHost(), signal });
  const size = formatBytes(summary.bytesCopied, measures.exactBytes);
  output.line(
    `${formatCounted(summary.copied, 'object')} of ${size} copied to ${mirror.name}, ` +
      `${summary.present} found there, ${summary.left} left`,
  );
  if (summary.left > 0) output.note(`To go on: versions mirror sync ${mirror.name}`);
  return { exitCode: summary.left > 0 ? 20 : 0, summary: { ...base, ...summary } };
}

/** Says what the new place does not do as it should, and keeps what was found for `doctor`. */
async function tryOut(
  session: Session,
  { catalog }: Repository,
  { id, name, store }: Mirror,
): Promise<void> {
  const { clock, random, signal } = session.context;
  const answers = await probeStore(store, { clock, random, signal, speedBytes: 0 });
  await keepProbe(catalog, id, { at: clock.now(), answers });
  noteBadAnswers(session, name, answers);
}

function mirrorsOf(
  session: Session,
  configured: RepositoryConfig,
): {
  readonly mirror: MirrorConfig;
  readonly isConfigured: boolean;
  readonly others: readonly MirrorConfig[];
} {
  const { operands, command } = session;
  const [name = '', place = ''] = operands;
  if (!isConfigName(name) || place === '') {
    throw new VersionsError(
      'Usage',
      'USAGE',
      `${JSON.stringify(name)} is not a name: letters, digits, - and _, at most 64`,
      { hint: `versions help ${command.name} shows examples` },
    );
  }
  const source = credentialsOfMirror(session, name);
  const mirror: MirrorConfig = {
    name,
    url: mirrorUrl(session, place),
    ...(source !== undefined && { credentials: source }),
  };
  const known = configured.mirrors.find((other) => other.name === name);
  if (known !== undefined && known.url !== mirror.url) {
    throw new VersionsError(
      'Usage',
      'MIRROR_CONFIGURED',
      `A mirror named ${name} is configured already, with the URL ${known.url}`,
      { hint: `Choose another name; if it has moved: versions mirror set ${name} ${mirror.url}` },
    );
  }
  const others = configured.mirrors.filter((other) => other.name !== name);
  for (const other of others) checkApart(mirror, other, command.name);
  return { mirror: known ?? mirror, isConfigured: known !== undefined, others };
}
