import {
  changeMembership,
  type ConfigEdit,
  isConfigName,
  type MirrorConfig,
  type MirrorId,
  mirrorUnknown,
  type Repository,
  VersionsError,
} from '../../core/index.ts';
import type { CommandResult, Session } from '../session.ts';
import { changeConfiguration, checkConfigurationChange } from '../setup/change-configuration.ts';
import { checkApart, credentialsOfMirror, mirrorUrl } from '../setup/mirror-operands.ts';
import { openWithMirrors, writableRepository } from '../setup/open-session.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { settings, signal, output } = session;
  const configured = writableRepository(session);
  const change = changeOf(session, configured.mirrors);
  const mirrorsMin = settings.isFromFlag('mirrors-min')
    ? settings.number('mirrors-min')
    : undefined;
  const mirrors = configured.mirrors.map((mirror) =>
    mirror.name === change?.from.name ? change.to : mirror,
  );
  checkMirrorsMin(mirrorsMin, mirrors.length);
  if (change === undefined && mirrorsMin === undefined) {
    throw usage(
      session,
      'There is nothing to set: give a NAME with a URL, --credentials or --name, or --mirrors-min',
    );
  }
  const edits: ConfigEdit[] = [];
  if (change !== undefined) {
    edits.push({ kind: 'change-mirror', name: change.from.name, to: change.to });
  }
  if (mirrorsMin !== undefined) edits.push({ kind: 'mirrors-min', value: mirrorsMin });
  await checkConfigurationChange(session, configured.name, edits);
  await using opened = await openWithMirrors(session, configured, mirrors);
  const { repository } = opened;
  const id = change && presentId(repository, change.to);
  const renamed =
    id && change.to.name !== change.from.name ? { id, name: change.to.name } : undefined;
  await changeMembership(repository, { renamed, mirrorsMin }, signal);
  await changeConfiguration(session, configured.name, edits);
  if (change !== undefined) output.line(`mirror ${change.to.name} is at ${change.to.url}`);
  if (mirrorsMin !== undefined) output.line(`mirrors-min is ${mirrorsMin}`);
  return {
    exitCode: 0,
    summary: { mirror: change?.to.name, url: change?.to.url, mirrorId: id, mirrorsMin },
  };
}

/** What a NAME with a URL, `--credentials` or `--name` asks for. */
function changeOf(
  session: Session,
  mirrors: readonly MirrorConfig[],
): { readonly from: MirrorConfig; readonly to: MirrorConfig } | undefined {
  const { operands, settings, command } = session;
  const [name, place] = operands;
  if (name === undefined) return undefined;
  const from = mirrors.find((mirror) => mirror.name === name);
  if (from === undefined)
    throw mirrorUnknown(
      name,
      mirrors.map((mirror) => mirror.name),
    );
  const newName = settings.text('name') ?? name;
  if (!isConfigName(newName)) throw usage(session, `${JSON.stringify(newName)} is not a name`);
  const credentials = credentialsOfMirror(session, name) ?? from.credentials;
  const to = {
    name: newName,
    url: place === undefined ? from.url : mirrorUrl(session, place),
    ...(credentials !== undefined && { credentials }),
  };
  for (const other of mirrors) if (other !== from) checkApart(to, other, command.name);
  return { from, to };
}

/** A place that does not show the marker now may be anything. */
function presentId({ mirrors }: Repository, { name, url }: MirrorConfig): MirrorId {
  const found = mirrors.mirrors.find((mirror) => mirror.name === name);
  if (found !== undefined) return found.id;
  throw new VersionsError(
    'Unavailable',
    'MIRROR_NOT_THERE',
    `No mirror of this repository is at ${url}`,
    { hint: 'Mount the disk or correct the URL; nothing was changed', context: { mirror: name } },
  );
}

function checkMirrorsMin(mirrorsMin: number | undefined, mirrors: number): void {
  if (mirrorsMin === undefined || mirrorsMin <= mirrors) return;
  throw new VersionsError(
    'Usage',
    'TOO_FEW_MIRRORS',
    `--mirrors-min ${mirrorsMin} is more than the ${mirrors} mirrors of the repository`,
    { hint: 'add a mirror first, or give a smaller number' },
  );
}

function usage({ command }: Session, message: string): VersionsError {
  return new VersionsError('Usage', 'USAGE', message, {
    hint: `versions help ${command.name} shows examples`,
  });
}
