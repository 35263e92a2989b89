import type { Output } from '../output/output.ts';
import type { CommandResult } from '../session.ts';
import { formatVersion, programVersion } from '../program-version.ts';
import type { PlainCommandName } from './index.ts';

/** Runs a command that needs neither configuration nor core. */
export async function runPlain(
  name: PlainCommandName,
  operands: readonly string[],
  output: Output,
): Promise<CommandResult> {
  if (name === 'version') return showVersion(output);
  if (name === 'help') {
    const { helpText } = await import('./help.ts');
    return show('help', helpText(operands), output);
  }
  const { completionText } = await import('./completion.ts');
  return show('completion', completionText(operands[0] ?? ''), output);
}

/** A text that is the whole result. */
export function show(type: string, text: string, output: Output): CommandResult {
  output.line(text.trimEnd());
  output.document({ type, text });
  return { exitCode: 0, summary: {} };
}

export function showVersion(output: Output): CommandResult {
  const version = programVersion();
  output.line(`versions ${version} (format ${formatVersion}, Node.js ${process.versions.node})`);
  output.document({ type: 'version', version, format: formatVersion, node: process.versions.node });
  return { exitCode: 0, summary: {} };
}
