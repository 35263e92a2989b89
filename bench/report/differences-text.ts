import { isOurs, type ToolResult } from '../results.ts';
import { contentKinds, type Difference } from '../source/compare-trees.ts';
import { countText } from './texts.ts';

/** What the comparison of the first restored tree with its source found. */
export function differencesText({ differences }: Pick<ToolResult, 'differences'>): string {
  if (differences === undefined) return 'nothing was restored';
  if (differences.length === 0) return 'restored content and metadata identical';
  const lead = differences.some(isOfContent)
    ? '**restored content DIFFERS**'
    : 'restored content identical, metadata not';
  return `${lead}: ${differences.map(differenceText).join(', ')}`;
}

/**
 * Whether a result must not be believed: a tool that failed or gave back other content, and our own
 * program also if it gave back other metadata.
 */
export function isBad(result: ToolResult): boolean {
  const { failure, differences = [] } = result;
  if (failure !== undefined) return true;
  return isOurs(result) ? differences.length > 0 : differences.some(isOfContent);
}

function isOfContent({ kind }: Difference): boolean {
  return contentKinds.some((known) => known === kind);
}

function differenceText({ kind, count, example }: Difference): string {
  return `${kind} of ${countText(count)} (such as ${example})`;
}
