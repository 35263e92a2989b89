import { safeText } from '../output/safe-text.ts';
import type { CommandResult, Session } from '../session.ts';

export async function run({ configuration, output }: Session): Promise<CommandResult> {
  const { file } = configuration;
  output.line(output.isTerminal ? safeText(file) : file);
  const exists = configuration.files.some((read) => read.file === file);
  if (!exists)
    output.note('There is no such file yet; versions init or the first backup makes it.');
  return { exitCode: 0, summary: { path: file, exists } };
}
