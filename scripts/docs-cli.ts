/**
 * Writes `docs/cli.md` from the tables of the command line: `npm run docs:cli`.
 *
 * The page shows each help text as it is, so that a test which compares the page with what would be
 * written now also notices every change of help.
 */
import { writeFileSync } from 'node:fs';
import { exitCodes } from '../src/cli/exit-codes.ts';
import {
  flagText,
  optionText,
  renderCommandHelp,
  renderOverview,
} from '../src/cli/help/render-help.ts';
import {
  commandTable,
  reservedCommands,
  reservedSubcommands,
} from '../src/cli/options/command-table.ts';
import { variableOf } from '../src/cli/options/option.ts';
import { optionTable } from '../src/cli/options/option-table.ts';

const page = new URL('../docs/cli.md', import.meta.url);

/** The text of docs/cli.md. */
export function renderCliPage(): string {
  return [
    '# The command line',
    '',
    '<!-- Written by `npm run docs:cli`. Do not edit: change the tables in src/cli/options/. -->',
    '',
    'Results go to standard output; progress, notes, problems and errors to standard error. With `--json` everything is JSON Lines, as [json-output.md](json-output.md) explains.',
    'An error is one line `error: …`, usually followed by `hint: …`; its code is explained in [errors.md](errors.md). `VERSIONS_DEBUG=1` shows stacks.',
    '',
    '```text',
    renderOverview().trimEnd(),
    '```',
    '',
    ...snapshotLines,
    ...configurationLines(),
    ...exitCodeLines(),
    '## Commands',
    '',
    ...commandTable.flatMap((command) => [
      `### versions ${command.name}`,
      '',
      '```text',
      renderCommandHelp(command).trimEnd(),
      '```',
      '',
    ]),
    ...reservedLines(),
  ].join('\n');
}

const snapshotLines = [
  '## Naming a snapshot',
  '',
  '| SNAP | means |',
  '| --- | --- |',
  '| `3f2a91bc` | the snapshot whose id begins so; enough digits to be the only one |',
  '| `latest`, `latest~2` | the newest complete snapshot, the second before it |',
  '| `@2026-11-01`, `@2026-11-01T12:00` | the newest that is not younger than that |',
  '| `SNAP:/home/ann/x` | a path in it |',
  '',
  '`latest` and `@DATE` count the snapshots of this host, unless `--host` names another, and of `--path` and `--tag` if given. An id needs no filter.',
  '',
];

function configurationLines(): string[] {
  const rows = optionTable.map((option) => [
    cellOf(option.flag !== false, flagText(option)),
    cellOf(option.env !== false, variableOf(option)),
    cellOf(option.scope !== 'none' || option.key !== undefined, option.key ?? option.name) +
      (option.scope === 'repository' ? ' ¹' : ''),
    optionText(option).replaceAll('|', '\\|'),
  ]);
  return [
    '## Settings',
    '',
    'Most settings can be given in three places: by a flag, by a variable, and by a key of the configuration file. The flag wins over the variable, the variable over the file, and in the file a section `[repositories.NAME]` over the top. Patterns to exclude are added up instead. `versions config show --origin` tells what holds and why.',
    '',
    'The configuration file is the one that `--config` or `VERSIONS_CONFIG` names, else `$XDG_CONFIG_HOME/versions/config.toml`, else `~/.config/versions/config.toml`. What it does not say, `/etc/versions/config.toml` may.',
    '',
    '```toml',
    'default = "home"                          # the repository that is meant without -r',
    'exclude-caches = true                     # for all repositories',
    '',
    '[repositories.home]',
    'catalog = "sqlite:~/.local/share/versions/home/catalog.db"',
    'key-file = "home.key"                     # or password-file, or password-command',
    'mirrors-min = 1',
    'paths = ["~"]                             # what `versions backup` saves without a PATH',
    'exclude = ["*.iso"]',
    '',
    '[repositories.home.mirrors.nas]',
    'url = "/mnt/nas/versions"                 # or file:///mnt/nas/versions',
    '',
    '[repositories.home.mirrors.usb]',
    'url = "/media/usb/versions"',
    '```',
    '',
    'Relative paths begin at the directory of the file, `~` is the home directory. Sizes are numbers of bytes, or like `500k`, `16MiB` (powers of 1024) and `2GB` (powers of 1000). A variable for several values has one a line; one that is empty counts as absent.',
    '',
    '| flag | variable | key | meaning |',
    '| --- | --- | --- | --- |',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    '¹ only in a section `[repositories.NAME]`',
    '',
    'The password or key is taken from the strongest place that gives one; in one place `VERSIONS_PASSWORD` comes before `key-file`, `password-file` and `password-command`. If none does, a terminal is asked. A key may be given wherever a password is asked for.',
    '',
  ];
}

function cellOf(exists: boolean, text: string): string {
  return exists ? `\`${text.replaceAll('|', '\\|')}\`` : '–';
}

function exitCodeLines(): string[] {
  return [
    '## Exit codes',
    '',
    '| code | meaning |',
    '| --- | --- |',
    ...[...exitCodes].map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '',
    'If several apply, the most severe wins: a signal, then 21, 22, 20, 13 to 10, 2, 1, 3. Codes are only ever added: take an unknown one that is not 0 for a failure. An operation that was completed although a mirror was bad ends with 0 and a note; a backup that not every mirror got ends with 3.',
    '',
  ];
}

function reservedLines(): string[] {
  const second = [...reservedSubcommands].flatMap(([first, words]) =>
    words.map((word) => `\`${first} ${word}\``),
  );
  return [
    '## Names for later',
    '',
    'These commands are not in this version. They end with exit code 2 and say what to do until then.',
    '',
    '| command | until then |',
    '| --- | --- |',
    ...[...reservedCommands].map(([name, hint]) => `| \`${name}\` | ${hint} |`),
    '',
    `Also: ${second.join(', ')}.`,
    '',
  ];
}

if (import.meta.main) writeFileSync(page, renderCliPage());
