import { readFile } from 'node:fs/promises';
import {
  type CostedMirror,
  costedMirror,
  defaultPrices,
  errorMessage,
  estimateCost,
  listSnapshots,
  parsePrices,
  type PriceTable,
  repositoryStats,
  type Repository,
  VersionsError,
} from '../../core/index.ts';
import { formatBytes, formatCounted } from '../output/measures.ts';
import { safeText } from '../output/safe-text.ts';
import { renderTable } from '../output/text-table.ts';
import type { CommandResult, Session } from '../session.ts';
import { openForReading } from '../setup/open-session.ts';

const newMs = 30 * 24 * 60 * 60 * 1000;

/** Estimates what the repository costs a month, and what one full restore would. */
export async function run(session: Session): Promise<CommandResult> {
  const { output, settings } = session;
  const prices = await priceTable(settings.text('prices'));
  if (settings.flag('print-prices')) {
    // With --json, what is not the table goes to standard error.
    output.dataOnStdout = true;
    await output.data(Buffer.from(`${JSON.stringify(prices, undefined, 2)}\n`));
    return { exitCode: 0, summary: { asOf: prices.asOf } };
  }
  // Before the repository is opened, which may ask for a password.
  const { mirrors, inCloud } = placesOf(session);
  await using opened = await openForReading(session);
  const held = heldBy(opened.repository, session.context.clock.now());
  const verifyEveryDays = settings.number('verify-every') ?? 0;
  const estimate = estimateCost({ ...held, mirrors, verifyEveryDays, inCloud }, prices);
  for (const mirror of estimate.mirrors) output.document({ type: 'mirror', ...mirror });
  output.line(
    `${formatCounted(held.objects, 'pack')} of ${formatBytes(held.bytes, session.measures.exactBytes)}, by the prices of ${safeText(prices.asOf)}, in dollars a month:`,
  );
  const rows = [
    ['mirror', 'price', 'storage', 'requests', 'verification', 'a month', 'one restore'],
    ...estimate.mirrors.map((mirror) => [
      safeText(mirror.name),
      safeText(mirror.price),
      ...[mirror.storage, mirror.requests, mirror.verification, mirror.perMonth].map(dollars),
      dollars(mirror.restore),
    ]),
    ...(inCloud
      ? [
          ['functions', '', '', '', '', dollars(estimate.workers), ''],
          ['catalog', '', '', '', '', dollars(estimate.catalog), ''],
        ]
      : []),
    ['sum', '', '', '', '', dollars(estimate.perMonth), ''],
  ];
  for (const line of renderTable(rows, new Set([2, 3, 4, 5, 6]))) output.line(line);
  output.note(
    'List prices, without taxes and without what a provider lets small users have for nothing; --print-prices shows them, to be edited.',
  );
  const { workers, catalog, perMonth, restore } = estimate;
  return {
    exitCode: 0,
    summary: { ...held, verifyEveryDays, asOf: prices.asOf, workers, catalog, perMonth, restore },
  };
}

/** What every mirror holds, and what of it came in the last 30 days, as snapshots tell. */
function heldBy(
  repository: Repository,
  now: number,
): {
  readonly objects: number;
  readonly bytes: number;
  readonly newObjects: number;
  readonly newBytes: number;
} {
  const { packs: objects, packBytes: bytes } = repositoryStats(repository);
  const stored = listSnapshots(repository)
    .filter(({ time }) => time > now - newMs)
    .reduce((sum, { stats }) => sum + stats.bytesStored, 0);
  const newBytes = Math.min(bytes, stored);
  const newObjects = bytes === 0 ? 0 : Math.ceil((objects * newBytes) / bytes);
  return { objects, bytes, newObjects, newBytes };
}

interface CostedPlaces {
  readonly mirrors: readonly CostedMirror[];
  readonly inCloud: boolean;
}

function placesOf(session: Session): CostedPlaces {
  if (session.isPlace) {
    throw new VersionsError(
      'Usage',
      'USAGE',
      'versions cost is about all mirrors of a repository, and -r names only one place',
      { hint: 'take the repository up first: versions connect NAME --mirror NAME=URL' },
    );
  }
  const { mirrors } = session.configuredRepository();
  const catalog = session.settings.text('catalog') ?? '';
  const inCloud = /^dynamodb:/i.test(catalog);
  const region =
    inCloud && URL.canParse(catalog) ? new URL(catalog).searchParams.get('region') : '';
  const priced = pricesGiven(session);
  const costed = mirrors.map(({ name, url }) => {
    const price = priced.get(name);
    priced.delete(name);
    return costedMirror({ name, url, price }, region ?? '');
  });
  const [unknown] = priced.keys();
  if (unknown !== undefined) throw usage(`--price names ${safeText(unknown)}, which is no mirror`);
  return { mirrors: costed, inCloud };
}

function pricesGiven({ settings }: Session): Map<string, string> {
  return new Map(
    settings.list('price').map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw usage(`--price must be NAME=PRICE, not ${JSON.stringify(text)}`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

async function priceTable(file: string | undefined): Promise<PriceTable> {
  if (file === undefined) return defaultPrices;
  try {
    return parsePrices(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof VersionsError) throw error;
    throw usage(`The price table ${file} cannot be read: ${errorMessage(error)}`);
  }
}

function usage(message: string): VersionsError {
  return new VersionsError('Usage', 'USAGE', message, {
    hint: 'versions help cost shows examples',
  });
}

/** Cents matter below a hundred; a hundredth of a cent for what is nearly nothing. */
function dollars(amount: number): string {
  return amount.toFixed(amount !== 0 && amount < 0.01 ? 4 : 2);
}
