import { onlyPhases } from '../tools/only-phases.ts';
import { peers, type Tool, versionsTool } from '../tools/index.ts';
import { divide, peakBytesOf, resultsByName, storedRatio, timeRatio } from './compare.ts';
import { goals } from './goals.ts';
import { measureDataSet, measureDirectory, peaksOf } from './measure-section.ts';
import type { Section } from './section.ts';

/** Enough to see that a figure was no accident; each takes long. */
const dataRuns = 2;

const versions = versionsTool({ name: 'versions', mirrors: 1 });
const [restic] = peers.get('restic') ?? [];
const [bupstash] = peers.get('bupstash') ?? [];

function present(...tools: readonly (Tool | undefined)[]): readonly Tool[] {
  return tools.filter((tool) => tool !== undefined);
}

/** A directory of large binaries, beside the peers. */
export const binariesSection: Section = {
  name: 'binaries',
  async measure(context) {
    if (context.binaries === undefined) throw new Error('no directory given: --binaries DIR');
    const wanted = (['first', 'second', 'restore'] as const).slice();
    const tools = present(versions, restic, bupstash).map((tool) => onlyPhases(tool, ...wanted));
    const report = await measureDirectory(context.binaries, { tools, runs: dataRuns }, context);
    const results = resultsByName(report.results);
    const rows = ['restic', 'bupstash'].flatMap((below) => [
      ...wanted.map((phase) =>
        timeRatio(results, {
          what: `large binaries, ${phase === 'restore' ? 'restore' : `${phase} backup`} over ${below}`,
          phase,
          above: 'versions',
          below,
        }),
      ),
      storedRatio(results, {
        what: `large binaries, stored bytes over ${below}`,
        above: 'versions',
        below,
      }),
    ]);
    return { rows, reports: [report], peaks: peaksOf(report) };
  },
};

/** One file of 4 GiB, with as many worker threads as there are processors and with one. */
export const largeSection: Section = {
  name: 'large',
  async measure(context) {
    const single = versionsTool({ name: 'versions-threads-1', mirrors: 1, threads: 1 });
    const tools = [onlyPhases(versions, 'first'), onlyPhases(single, 'first')];
    const report = await measureDataSet(
      { name: 'large', scale: 1 },
      { tools, runs: dataRuns },
      context,
    );
    const row = timeRatio(resultsByName(report.results), {
      what: 'one 4 GiB file, two workers over one (times faster)',
      phase: 'first',
      above: 'versions-threads-1',
      below: 'versions',
      goal: goals.twoWorkers,
    });
    return { rows: [row], reports: [report], peaks: peaksOf(report) };
  },
};

/** An image of a disk of which one sector in a hundred is edited between two backups. */
export const imageSection: Section = {
  name: 'image',
  async measure(context) {
    const tools = present(versions, restic).map((tool) => onlyPhases(tool, 'first', 'second'));
    const report = await measureDataSet(
      { name: 'image', scale: 1 },
      { tools, runs: 1, edit: true },
      context,
    );
    const row = storedRatio(resultsByName(report.results), {
      what: '3 GiB image with 1 % of edits: bytes that the second backup adds, over restic',
      above: 'versions',
      below: 'restic',
      added: true,
      goal: goals.imageAdded,
    });
    return { rows: [row], reports: [report], peaks: peaksOf(report) };
  },
};

/** Memory for ten times as many files. */
export const smallSection: Section = {
  name: 'small',
  async measure(context) {
    const wanted = { tools: [onlyPhases(versions, 'first', 'second')], runs: 1 };
    const few = await measureDataSet({ name: 'small', scale: 0.1 }, wanted, context);
    const many = await measureDataSet({ name: 'small', scale: 1 }, wanted, context);
    const [below, above] = [few, many].map(({ results }) =>
      peakBytesOf(resultsByName(results).get('versions'), ['first', 'second']),
    );
    const megabytes = [above, below].map((bytes) => `${Math.round((bytes ?? 0) / 1e6)} MB`);
    const row = {
      what: 'peak memory, 800,000 files over 80,000 files',
      value: divide(above, below),
      note: megabytes.join(' over '),
      unit: 'times',
      goal: goals.memoryGrowth,
    } as const;
    return { rows: [row], reports: [few, many], peaks: [few, many].flatMap(peaksOf) };
  },
};
