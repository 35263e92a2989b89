import type { HealPlan, RecentEvent } from '../../core/index.ts';
import { eventDocument } from './event-lines.ts';
import { formatCounted } from './measures.ts';
import type { Output } from './output.ts';
import { safeText } from './safe-text.ts';

/** Lines of a plan that are shown one by one; a mirror that lacks everything has very many. */
const linesMax = 100;

/** Shows what is going to be done, before it is. */
export function showHealPlan({ items, tripped, unchosen }: HealPlan, output: Output): void {
  const halted = new Set(tripped.map(({ mirror }) => mirror.name));
  let lines = 0;
  for (const { key, targets, sources } of items) {
    const from = sources.map(({ name }) => name);
    for (const { mirror, kind } of targets) {
      const how = from.length > 0 ? 'copy' : 'merge';
      output.document({ type: 'plan', action: how, mirror: mirror.name, object: key, kind, from });
      lines += 1;
      if (lines > linesMax) continue;
      const source =
        from.length > 0
          ? `from ${from.join(' or ')}`
          : 'from what this machine keeps or damaged copies, if they do';
      output.line(
        `${how.padEnd(10)}  ${safeText(mirror.name)}: ${key} (${kind}) ${safeText(source)}`,
      );
    }
  }
  if (lines > linesMax) output.line(`… and ${formatCounted(lines - linesMax, 'more')}`);
  for (const name of halted)
    output.line(`halt        ${safeText(name)}: too much is wrong at once`);
  if (unchosen > 0) {
    const what = formatCounted(unchosen, 'other copy', 'other copies');
    output.line(`leave       ${what} not chosen by --mirror or --pack, and not good either`);
  }
}

/** Tells of a copy that was healed, where no catalog notes it. */
export function showHealed(event: RecentEvent, output: Output): void {
  const { kind, mirror = '-', object = '-', detail } = event;
  output.document(eventDocument(event));
  output.line(`${kind.padEnd(10)}  ${safeText(mirror)}: ${object}: ${safeText(detail)}`);
}
