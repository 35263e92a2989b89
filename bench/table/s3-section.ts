import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServices } from '../../test/services/services.ts';
import { makeNoiseFiles } from '../data/noise-files.ts';
import type { Report } from '../report/markdown.ts';
import { summaryOf } from '../results.ts';
import { resticInBucket, versionsInBuckets } from '../s3/bucket-tools.ts';
import { onlyPhases } from '../tools/only-phases.ts';
import { resultsByName, timeRatio } from './compare.ts';
import { goals } from './goals.ts';
import { measureDirectory, peaksOf } from './measure-section.ts';
import type { Row } from './row.ts';
import type { Section, SectionContext } from './section.ts';

const one = { above: 'versions', below: 'restic' } as const;

/** The kernel into buckets of servers on this machine, with restic in turn; and a slow line. */
export const s3Section: Section = {
  name: 's3',
  async measure(context) {
    // The servers keep their data where everything is written.
    process.env['TMPDIR'] = context.scratch;
    await using services = await startServices(['minio-1', 'minio-2', 'versitygw']);
    const [first, second, third] = services.all.map((service) => ({ service }));
    if (!first || !second || !third) throw new Error('A server is missing');
    const tools = [
      versionsInBuckets('versions', [first]),
      onlyPhases(versionsInBuckets('versions-buckets-2', [first, second]), 'first'),
      onlyPhases(versionsInBuckets('versions-buckets-3', [first, second, third]), 'first'),
      resticInBucket(first),
    ];
    const kernel = await measureDirectory(context.source, { tools }, context);
    const line = await measureLine(first.service.endpoint, context, (endpoint) =>
      onlyPhases(versionsInBuckets('versions-line', [{ ...first, endpoint }]), 'first'),
    );
    return {
      rows: [...kernelRows(kernel), lineRow(line)],
      reports: [kernel, line],
      peaks: [...peaksOf(kernel), ...peaksOf(line)],
    };
  },
};

function kernelRows(report: Report): readonly Row[] {
  const results = resultsByName(report.results);
  const time = (what: string, compared: Omit<Parameters<typeof timeRatio>[1], 'what'>): Row =>
    timeRatio(results, { what, ...compared });
  const three = results.get('versions-buckets-3');
  const peak = three && summaryOf(three, 'first', 'peakBytes');
  return [
    time('one bucket, first backup over restic', {
      ...one,
      phase: 'first',
      goal: goals.s3FirstOverRestic,
    }),
    time('two buckets, first backup over restic to one', {
      above: 'versions-buckets-2',
      below: 'restic',
      phase: 'first',
      goal: goals.s3TwoOverRestic,
    }),
    time('one bucket, unchanged over restic', {
      ...one,
      phase: 'second',
      goal: goals.s3SecondOverRestic,
    }),
    time('one bucket, restore over restic', {
      ...one,
      phase: 'restore',
      goal: goals.s3RestoreOverRestic,
    }),
    {
      what: 'peak memory with three mirrors in buckets',
      value: peak && peak.max / 1e6,
      note: 'first backup, the largest of all runs',
      unit: 'megabytes',
      goal: goals.s3PeakMegabytes,
    },
  ];
}

const lineBytes = 4 * 2 ** 30;
const lineBytesPerSecond = 125_000_000;

/** Random data over a line of 1 Gbit/s that takes 20 ms each way. */
async function measureLine(
  endpoint: string,
  context: SectionContext,
  toolAt: (endpoint: string) => ReturnType<typeof versionsInBuckets>,
): Promise<Report> {
  const folder = join(context.scratch, 'noise');
  mkdirSync(folder);
  makeNoiseFiles(folder, Math.ceil(lineBytes * context.scale), 'line');
  const script = fileURLToPath(new URL('../s3/slow-line.ts', import.meta.url));
  const line = spawn(process.execPath, [script, new URL(endpoint).port], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const [port]: readonly unknown[] = await once(line.stdout, 'data');
    const tool = toolAt(`http://127.0.0.1:${String(port).trim()}`);
    return await measureDirectory(folder, { tools: [tool], runs: 1 }, context);
  } finally {
    line.kill();
  }
}

function lineRow({ results, source }: Report): Row {
  const [result] = results;
  const seconds = result && summaryOf(result, 'first', 'seconds');
  const { bytes } = source.facts;
  return {
    what: 'share of a line of 1 Gbit/s, 20 ms each way, that a first backup of random data keeps busy',
    value: seconds && bytes / lineBytesPerSecond / seconds.median,
    note: seconds
      ? `${(bytes / 2 ** 30).toFixed(2)} GiB in ${seconds.median.toFixed(1)} s`
      : 'no figures',
    unit: 'times',
    goal: goals.s3LineShare,
  };
}
