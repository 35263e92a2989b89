import {
  isVersionsError,
  type ProbeAnswer,
  probeMirrors,
  type RepositoryPlaces,
} from '../../core/index.ts';
import { safeText } from '../output/safe-text.ts';
import type { Session } from '../session.ts';

/** Says what a place does not do as it should. */
export function noteBadAnswers(
  { output }: Session,
  name: string,
  answers: readonly ProbeAnswer[],
): void {
  for (const { question, answer, state } of answers) {
    if (state === 'bad') output.note(`mirror ${name}, ${question}: ${safeText(answer)}`);
  }
}

/**
 * Tries out the buckets of a new repository, says what is bad, and keeps the answers for `doctor`.
 * The repository is made by then: what goes wrong here is told and changes nothing.
 */
export async function tryOutBuckets(session: Session, places: RepositoryPlaces): Promise<void> {
  const mirrors = places.mirrors.filter(({ url }) => /^s3:/i.test(url));
  if (mirrors.length === 0) return;
  const options = { speedBytes: 0, brief: true };
  try {
    const found = await probeMirrors({ ...places, mirrors }, options, session.context);
    for (const { name, probe } of found.mirrors) noteBadAnswers(session, name, probe.answers);
    if (found.catalogError) session.output.note(`Not kept: ${found.catalogError.message}`);
  } catch (error) {
    if (!isVersionsError(error) || error.kind === 'Cancelled') throw error;
    session.output.note(`The buckets were not tried out: ${error.message}`);
  }
}
