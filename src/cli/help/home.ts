import type { Io } from '../io.ts';
import { safeText } from '../output/safe-text.ts';

const firstSteps = `Versions saves files, encrypted, to one or several places, and brings them back.

  1. versions backup DIR                  save a directory; makes a repository on the first run
  2. versions snapshots                   see what is saved
  3. versions restore latest -t NEWDIR    bring it back

To save to several places from the start: versions help init. All commands: versions help.
`;

/** What \`versions\` by itself shows: the first three steps, or what can be done next. */
export async function homeText(io: Io): Promise<string> {
  // Loaded here because help, which most look at first, does without.
  const { configFileOf, loadConfiguration } = await import('../setup/configuration.ts');
  const file = configFileOf(io.env['VERSIONS_CONFIG'] || undefined, io);
  const { defaultName, repositories } = await loadConfiguration(file, io.home);
  if (repositories.length === 0) return firstSteps;
  const lines = repositories.map(({ name, mirrors }) => {
    const mark = name === defaultName ? ' (default)' : '';
    return `  ${name}${mark}: ${mirrors.map((mirror) => `${mirror.name} in ${mirror.url}`).join(', ')}`;
  });
  return [
    'Repositories:',
    ...lines.map(safeText),
    '',
    'Next:',
    '  versions backup [PATH...]          save again',
    '  versions snapshots                 see what is saved',
    '  versions verify                    check that it is whole',
    '  versions restore latest -t DIR     bring it back',
    '',
    'All commands: versions help.',
    '',
  ].join('\n');
}
