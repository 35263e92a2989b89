import { UsageError } from '../failure.ts';
import { renderCommandHelp, renderOverview } from '../help/render-help.ts';
import { commandNamed, commandTable, reservedCommands } from '../options/command-table.ts';

/** The text of `versions help WORD…`. */
export function helpText(words: readonly string[]): string {
  const [first] = words;
  if (first === undefined) return renderOverview();
  const command = commandNamed(words.join(' ')) ?? commandNamed(first);
  if (command !== undefined) return renderCommandHelp(command);
  const family = commandTable.filter(({ name }) => name.startsWith(`${first} `));
  if (family.length > 0) return family.map(renderCommandHelp).join('\n');
  const later = reservedCommands.get(first);
  if (later !== undefined) {
    throw new UsageError('NOT_YET', `versions ${first} is not yet in this version`, later);
  }
  throw new UsageError(
    'USAGE',
    `There is no command ${JSON.stringify(first)}`,
    'versions help lists the commands',
  );
}
