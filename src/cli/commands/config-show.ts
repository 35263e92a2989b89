import { type OptionDefinition, variableOf } from '../options/option.ts';
import { optionTable } from '../options/option-table.ts';
import { safeText } from '../output/safe-text.ts';
import type { CommandResult, Session } from '../session.ts';

interface Shown {
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
  readonly isSecret?: true;
}

export async function run(session: Session): Promise<CommandResult> {
  const { configuration, output, settings } = session;
  const isOriginWanted = settings.flag('origin');
  const repository =
    configuration.names.length === 0 && session.repositoryName === undefined
      ? undefined
      : session.configuredRepository();
  const mirrorOrigin = configuration.files.map(({ file }) => file).join(', ');
  const shown: Shown[] = [
    ...(repository === undefined
      ? []
      : [{ key: 'repository', value: repository.name, origin: originOfName(session) }]),
    ...(repository?.mirrors ?? []).flatMap(({ name, url, credentials }) => [
      { key: `mirrors.${name}.url`, value: url, origin: mirrorOrigin },
      ...(credentials === undefined
        ? []
        : [{ key: `mirrors.${name}.credentials`, value: credentials, origin: mirrorOrigin }]),
    ]),
    ...optionTable.filter(isShown).flatMap((option) => settingOf(session, option)),
  ];
  for (const { key, value, origin, isSecret } of shown) {
    output.document({ type: 'setting', key, value, origin });
    const text = isSecret === true ? String(value) : tomlText(value);
    output.line(safeText(`${key} = ${text}${isOriginWanted ? `  # ${origin}` : ''}`));
  }
  if (repository === undefined) {
    output.note(`No repository is configured in ${configuration.file}`);
  }
  return { exitCode: 0, summary: { settings: shown.length } };
}

/** What holds beyond one run. */
function isShown({ name, scope, env, secret }: OptionDefinition): boolean {
  if (name === 'repository') return false;
  return secret === true || scope !== 'none' || (env !== false && name === 'config');
}

function settingOf({ settings, configuration }: Session, option: OptionDefinition): Shown[] {
  const { name } = option;
  const view = settings.everywhere();
  const origin = view.origins(name).join(', ');
  if (name === 'config') return [{ key: name, value: configuration.file, origin }];
  if (!view.isSet(name) && option.default === undefined) return [];
  if (option.secret === true)
    return [{ key: variableOf(option), value: '(set)', origin, isSecret: true }];
  const value = view.text(name) ?? view.number(name);
  if (value !== undefined) return [{ key: name, value, origin }];
  const isList = option.kind === 'list' || option.kind === 'paths';
  return [{ key: name, value: isList ? view.list(name) : view.flag(name), origin }];
}

function originOfName({ settings, configuration }: Session): string {
  if (settings.isSet('repository')) return settings.origins('repository').join(', ');
  const named = configuration.files.find((file) => file.defaultRepository !== undefined);
  return named?.file ?? 'default';
}

function tomlText(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (!Array.isArray(value)) return String(value);
  return `[${value.map((element) => JSON.stringify(element)).join(', ')}]`;
}
