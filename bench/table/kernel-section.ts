import { summaryOf } from '../results.ts';
import { findProgram } from '../tools/find-program.ts';
import { onlyPhases } from '../tools/only-phases.ts';
import { peers, tarZstd, type Tool, versionsTool } from '../tools/index.ts';
import { resultsByName, type Results, storedRatio, timeRatio } from './compare.ts';
import { goals } from './goals.ts';
import { measureDirectory, peaksOf } from './measure-section.ts';
import type { Row } from './row.ts';
import type { Section, SectionContext } from './section.ts';

const ours = { above: 'versions' } as const;

/** Everything that is measured on the source of the kernel, with the peers in turn. */
export const kernelSection: Section = {
  name: 'kernel',
  async measure(context) {
    const report = await measureDirectory(context.source, { tools: toolsFor(context) }, context);
    const results = resultsByName(report.results);
    const rows = [...peerRows(results), ...ownRows(results)];
    return { rows, reports: [report], peaks: peaksOf(report) };
  },
};

function toolsFor({ searchPath }: SectionContext): readonly Tool[] {
  const hash = findProgram('openssl', searchPath) !== undefined;
  const [restic, uncached] = peers.get('restic') ?? [];
  const [bupstash] = peers.get('bupstash') ?? [];
  const all = [
    versionsTool({ name: 'versions', mirrors: 1, answers: true, hash }),
    onlyPhases(versionsTool({ name: 'versions-mirrors-2', mirrors: 2 }), 'first'),
    onlyPhases(versionsTool({ name: 'versions-password', mirrors: 1, password: true }), 'first'),
    restic && onlyPhases(restic, 'first', 'second', 'restore'),
    uncached && onlyPhases(uncached, 'first', 'second', 'restore'),
    bupstash,
    tarZstd,
  ];
  return all.filter((tool) => tool !== undefined);
}

function peerRows(results: Results): readonly Row[] {
  const restic = { ...ours, below: 'restic' };
  const uncached = { ...ours, below: 'restic-nocache' };
  const bupstash = { ...ours, below: 'bupstash' };
  const time = (what: string, compared: Omit<Parameters<typeof timeRatio>[1], 'what'>): Row =>
    timeRatio(results, { what, ...compared });
  return [
    time('first backup over restic', { ...restic, phase: 'first', goal: goals.firstOverRestic }),
    time('first backup over restic --no-cache', { ...uncached, phase: 'first' }),
    time('first backup over bupstash', {
      ...bupstash,
      phase: 'first',
      goal: goals.firstOverBupstash,
    }),
    time('first backup over `tar \\| zstd -3 -T2`', {
      ...ours,
      below: tarZstd.name,
      phase: 'first',
      goal: goals.firstOverTar,
    }),
    storedRatio(results, {
      what: 'stored bytes over restic',
      ...restic,
      goal: goals.storedOverRestic,
    }),
    storedRatio(results, {
      what: 'stored bytes over bupstash',
      ...bupstash,
      goal: goals.storedOverBupstash,
    }),
    time('unchanged backup over restic', {
      ...restic,
      phase: 'second',
      goal: goals.secondOverRestic,
    }),
    time('unchanged backup over restic --no-cache', { ...uncached, phase: 'second' }),
    time('unchanged backup over bupstash', {
      ...bupstash,
      phase: 'second',
      goal: goals.secondOverBupstash,
    }),
    time('restore over restic', { ...restic, phase: 'restore', goal: goals.restoreOverRestic }),
    time('restore over restic --no-cache', { ...uncached, phase: 'restore' }),
    time('restore over bupstash', {
      ...bupstash,
      phase: 'restore',
      goal: goals.restoreOverBupstash,
    }),
  ];
}

function ownRows(results: Results): readonly Row[] {
  return [
    timeRatio(results, {
      what: '`verify --level data` over `openssl dgst -sha256`',
      ...ours,
      below: 'versions',
      phase: 'verify',
      phaseBelow: 'hash',
      goal: goals.verifyOverHash,
    }),
    timeRatio(results, {
      what: 'two local mirrors over one, first backup',
      above: 'versions-mirrors-2',
      below: 'versions',
      phase: 'first',
      goal: goals.twoMirrors,
    }),
    timeRatio(results, {
      what: 'password over key file, first backup',
      above: 'versions-password',
      below: 'versions',
      phase: 'first',
    }),
    answerRow(results, 'help', '`versions --help`', goals.helpMs),
    answerRow(results, 'snapshots', '`versions snapshots`', goals.snapshotsMs),
  ];
}

function answerRow(
  results: Results,
  phase: 'help' | 'snapshots',
  what: string,
  goal: Row['goal'],
): Row {
  const result = results.get('versions');
  const seconds = result && summaryOf(result, phase, 'seconds');
  return {
    what,
    value: seconds && seconds.median * 1000,
    note: seconds === undefined ? 'no figures' : `fastest ${Math.round(seconds.min * 1000)} ms`,
    unit: 'milliseconds',
    goal,
  };
}
