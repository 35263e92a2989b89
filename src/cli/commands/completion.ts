import { completionScript, shells } from '../completion/scripts.ts';
import { UsageError } from '../failure.ts';

/** The script for a shell. Throws `UsageError` for one that is not known. */
export function completionText(name: string): string {
  const shell = shells.find((known) => known === name);
  if (shell !== undefined) return completionScript(shell);
  throw new UsageError(
    'USAGE',
    `There is no completion for ${JSON.stringify(name)}`,
    `there is: ${shells.join(', ')}`,
  );
}
