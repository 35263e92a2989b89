import { stringify } from 'smol-toml';
import { VersionsError } from '../errors/index.ts';
import { type ParseConfigOptions, parseConfigFile, type RepositoryConfig } from './config-file.ts';

/** What stands at the top of a file that the program makes. */
const preamble = `# Configuration of versions: docs/cli.md explains every key, and
# "versions config show --origin" says what holds and why.
`;

/**
 * The text of a configuration file with a section for one more repository.
 *
 * `text` is the file as it is, or undefined if there is none. Nothing of it is changed: the section
 * goes to the end, and a `default` line to the top if the addition would otherwise change which
 * repository is meant. Throws `Conflict` if the name is taken, and `Usage`, with the section to add
 * by hand, if the file is laid out so that it cannot be extended.
 */
export function appendRepository(
  text: string | undefined,
  repository: RepositoryConfig,
  options: ParseConfigOptions,
): string {
  const section = renderRepository(repository);
  if (text === undefined || text.trim() === '') {
    return `${preamble}${renderDefault(repository.name)}\n${section}`;
  }
  const before = parseConfigFile(text, options);
  if (before.repositories.has(repository.name)) {
    throw new VersionsError(
      'Conflict',
      'REPOSITORY_CONFIGURED',
      `A repository named ${repository.name} is already configured in ${options.file}`,
      {
        hint: `choose another name; to have its catalog again: versions connect ${repository.name}`,
      },
    );
  }
  const body = text.endsWith('\n') ? text : `${text}\n`;
  const [only] = before.repositories.keys();
  const meant = only ?? repository.name;
  // With one repository it is the default without saying so; a second one would end that.
  const isClear = before.defaultRepository !== undefined || before.repositories.size > 1;
  const extended = `${isClear ? '' : renderDefault(meant)}${body}\n${section}`;
  checkExtended(extended, repository, { options, section });
  return extended;
}

function checkExtended(
  text: string,
  repository: RepositoryConfig,
  { options, section }: { readonly options: ParseConfigOptions; readonly section: string },
): void {
  let reason: unknown;
  try {
    const after = parseConfigFile(text, options);
    if (after.repositories.get(repository.name)?.mirrors.length === repository.mirrors.length)
      return;
  } catch (error) {
    reason = error;
  }
  throw new VersionsError(
    'Usage',
    'CONFIG_NOT_EXTENDABLE',
    `Configuration ${options.file} is laid out so that a section cannot be added to it`,
    { hint: `add this in your own way:\n${section}`, cause: reason },
  );
}

function renderDefault(name: string): string {
  return `${stringify({ default: name }).trimEnd()}\n`;
}

function renderRepository({ name, mirrors, settings }: RepositoryConfig): string {
  // Names need no quotes as keys: they consist of letters, digits, - and _.
  const own = [...settings].map(([key, value]) => stringify({ [key]: value }).trimEnd());
  const sections = mirrors.map(
    ({ name: mirror, url, credentials }) =>
      `\n[repositories.${name}.mirrors.${mirror}]\n${stringify({
        url,
        ...(credentials !== undefined && { credentials }),
      })}`,
  );
  return [`[repositories.${name}]`, ...own, ''].join('\n') + sections.join('');
}
