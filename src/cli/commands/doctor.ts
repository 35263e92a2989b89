import {
  type MirrorProbe,
  mirrorUnknown,
  type ProbeAnswer,
  probeMirrors,
} from '../../core/index.ts';
import { formatCounted } from '../output/measures.ts';
import { safeText } from '../output/safe-text.ts';
import { renderTable } from '../output/text-table.ts';
import type { CommandResult, Session } from '../session.ts';
import { writableRepository } from '../setup/open-session.ts';
import { placesOf } from '../setup/places.ts';
import { mirrorOption } from '../setup/verify-options.ts';

const speedBytes = 8 * 2 ** 20;

/** Tries out the places of the mirrors. Needs no key: nothing of the repository is opened. */
export async function run(session: Session): Promise<CommandResult> {
  const { context, io, output, settings } = session;
  const configured = writableRepository(session);
  const only = mirrorOption(session);
  const names = configured.mirrors.map(({ name }) => name);
  if (only !== undefined && !names.includes(only)) throw mirrorUnknown(only, names);
  session.showProgress();
  const places = placesOf(configured, settings, io);
  const found = await probeMirrors(places, { only, speedBytes }, context);
  let badCount = 0;
  const rows: string[][] = [['mirror', 'question', '', 'answer']];
  for (const { id, name, location, probe, before } of found.mirrors) {
    const answers = probe.answers.map((answer) => ({
      ...answer,
      before: otherBefore(answer, before),
    }));
    output.document({ type: 'mirror', name, id, location, answers });
    badCount += answers.filter(({ state }) => state === 'bad').length;
    for (const [index, answer] of answers.entries()) {
      rows.push([index === 0 ? safeText(name) : '', ...rowOf(answer)]);
    }
  }
  if (found.mirrors.length > 0) for (const line of renderTable(rows)) output.line(line);
  if (found.catalogError) output.note(`Not kept: ${found.catalogError.message}`);
  output.line(
    `${formatCounted(found.mirrors.length, 'mirror')} tried out, ${badCount} bad answers, ${found.absent.length} absent`,
  );
  return {
    exitCode: badCount + found.absent.length > 0 ? 20 : 0,
    summary: {
      mirrors: found.mirrors.length,
      absent: found.absent.map(({ name }) => name),
      bad: badCount,
      kept: found.catalogError === undefined,
    },
  };
}

const marks = { good: 'ok', lacking: 'no', bad: 'BAD', fact: '' } as const;

function rowOf({
  question,
  state,
  answer,
  before,
}: ProbeAnswer & { readonly before: string | undefined }): string[] {
  const was = before === undefined ? '' : ` (before: ${before})`;
  return [question, marks[state], safeText(answer + was)];
}

/** How fast it is, is another matter each time. */
const varying: ReadonlySet<string> = new Set(['latency', 'upload', 'download', 'clock']);

function otherBefore(
  { question, answer, state }: ProbeAnswer,
  probe: MirrorProbe | undefined,
): string | undefined {
  const before = probe?.answers.find((other) => other.question === question);
  const isChanged = before !== undefined && before.state !== state && before.answer !== answer;
  return isChanged && !varying.has(question) ? before.answer : undefined;
}
