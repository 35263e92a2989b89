import type { CheckpointPart } from '../format/index.ts';

/** Runs are put together up to so many bytes, and one is ended when it has as many. */
const runBytesMax = 32 * 1024 * 1024;
/** So many runs of about one size become one. */
const fanOut = 4;

/** Entries that a run is to hold. */
export interface PlannedRun {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  /** The run is there already. */
  readonly known?: CheckpointPart | undefined;
}

/** What an entry adds to a run. */
export interface EntrySize {
  readonly number: number;
  readonly bytes: number;
}

/**
 * The runs of the next checkpoint: those of the last one, one or more for the entries behind it, and
 * larger ones in place of several of about one size. So an entry is written again only as often as
 * the journal has grown fourfold, and there are never many runs. `every`: entries that a
 * checkpoint adds at least.
 */
export function planRuns(
  known: readonly CheckpointPart[],
  added: readonly EntrySize[],
  every: number,
): readonly PlannedRun[] {
  const runs: PlannedRun[] = known.map((run) => {
    const { first, last, bytes } = run;
    return { first, last, bytes, known: run };
  });
  let open: PlannedRun | undefined;
  for (const { number, bytes } of added) {
    if (open !== undefined && open.bytes + bytes > runBytesMax) {
      runs.push(open);
      open = undefined;
    }
    open = { first: open?.first ?? number, last: number, bytes: (open?.bytes ?? 0) + bytes };
  }
  if (open !== undefined) runs.push(open);
  for (let merged = mergedTail(runs, every); merged !== undefined;) {
    runs.splice(-fanOut, fanOut, merged);
    merged = mergedTail(runs, every);
  }
  return runs;
}

/** What the last runs become if they are of about one size and not too large together. */
function mergedTail(runs: readonly PlannedRun[], every: number): PlannedRun | undefined {
  const tail = runs.slice(-fanOut);
  const [first] = tail;
  const last = tail.at(-1);
  if (tail.length < fanOut || first === undefined || last === undefined) return undefined;
  const bytes = tail.reduce((sum, run) => sum + run.bytes, 0);
  if (bytes > runBytesMax || levelOf(first, every) > levelOf(last, every)) return undefined;
  return { first: first.first, last: last.last, bytes };
}

/** How often a run has grown fourfold. */
function levelOf({ first, last }: PlannedRun, every: number): number {
  const spans = Math.max(1, (last - first + 1) / every);
  return Math.floor(Math.log(spans) / Math.log(fanOut) + 1e-9);
}
