import { displayPath } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { decodeEntry } from '../format/index.ts';
import { ContentComparer } from './content-comparer.ts';
import { isChunkless, type RestorePlan } from './plan.ts';
import { reportProblem, type RestoreWork } from './restore-work.ts';

/** Reads every restored file back and compares it with the ids of its chunks. */
export async function verifyRestored(work: RestoreWork, plan: RestorePlan): Promise<void> {
  const { target } = work;
  if (target === undefined) return;
  const comparer = new ContentComparer(work, async (path, _entry, { matches }) => {
    if (matches.every((match) => match === 1)) return;
    const message = `${displayPath(path)} does not read back as it was saved`;
    reportProblem(
      work,
      new VersionsError('Source', 'TARGET_WRONG', message, {
        hint: 'Check the disk that you restore to',
      }),
    );
  });
  for (let number = 0; number < plan.fileCount; number++) {
    const { path, entry: encoded } = plan.file(number);
    const entry = decodeEntry(encoded);
    const existing = target.lstat(path);
    if (existing === undefined || existing.size !== entry.size) {
      const message = `${displayPath(path)} is not there in its full length`;
      reportProblem(work, new VersionsError('Source', 'TARGET_WRONG', message));
    } else if (!isChunkless(entry)) {
      await comparer.add(path, entry, existing);
    }
  }
  await comparer.finish();
}
