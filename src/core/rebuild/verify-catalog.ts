import { MemoryCatalog, type Catalog } from '../catalog/index.ts';
import { isVersionsError, errorMessage } from '../errors/index.ts';
import {
  assembleRepository,
  checkCatalogOwner,
  doorsOf,
  expectedObjects,
  fillCatalog,
  findStrays,
  openMirrorSet,
  openPlaces,
  KeptOpening,
  readConfigAndKeys,
  type Context,
  type Repository,
  type RepositoryPlaces,
  type SecretSource,
} from '../repository/index.ts';
import { silentMonitor, type FindingKind } from '../monitor/index.ts';
import { judgeFor, sortedByKey, verifyMirrors } from '../verify/index.ts';

export interface VerifiedCatalog {
  /** Entries that the catalog holds. */
  readonly entries: number;
  readonly packs: number;
  readonly snapshots: number;
  readonly findings: number;
  /** Objects that the catalog names and no mirror that was asked has. */
  readonly lost: number;
}

/** What stands in findings instead of the name of a mirror, which can never be this. */
const catalogName = '(catalog)';

/**
 * Compares the catalog with what the mirrors hold: every row of it with the one before; the journals
 * of the mirrors with its rows; the snapshots of their longest history with its own; and their lists
 * with every object that it names. Writes nothing. `cacheDir` is for this alone and holds nothing.
 */
export async function verifyCatalog(
  places: RepositoryPlaces & { readonly catalog: string },
  options: { readonly secret: SecretSource },
  context: Context,
): Promise<VerifiedCatalog> {
  const stores = await openPlaces(places.mirrors, { create: false, readOnly: true }, context);
  await using mirrors = await openMirrorSet(stores, { readOnly: true, mirrorsMin: 1 }, context);
  const kept = new KeptOpening(places.cacheDir, context.monitor);
  const unlocked = await readConfigAndKeys(mirrors, options.secret, kept);
  await using catalog = await doorsOf(context).openCatalog(places.catalog, { readOnly: true });
  const open = (of: Catalog): Promise<Repository> =>
    assembleRepository({ ...unlocked, mirrors, catalog: of }, places.cacheDir, true, context);
  const own = await open(catalog);
  await checkCatalogOwner(catalog, own.id);
  context.monitor.at('reading the catalog');
  const report = new Report(context);
  if (!(await readRows(own, report))) return summaryOf(own, report, 0);
  context.monitor.at('reading journals');
  const strays = await findStrays(own, context);
  for (const { key } of strays) {
    report.add('stale', key, 'A mirror holds this journal entry, and the catalog lacks it');
  }
  const others = await open(new MemoryCatalog());
  // What is wrong with the mirrors' journals is found below, object by object.
  await fillCatalog(others, { ...context, monitor: silentMonitor });
  compareSnapshots(own, others, report);
  context.monitor.at('verifying');
  // What the catalog lacks was named above: in the mirrors it is nothing too much.
  const named = strays.map(({ key, hash }) => ({
    key,
    hash,
    bytes: undefined,
    mayBeMissing: true,
  }));
  const expected = sortedByKey([...(await expectedObjects(own)), ...named]);
  const { findings, lost } = await verifyMirrors(mirrors.mirrors, expected, {
    level: 'quick',
    judge: judgeFor({ repository: own.id }),
    monitor: context.monitor,
    signal: context.signal,
  });
  return summaryOf(own, report, lost.length, findings.length + mirrors.absent.length);
}

/** Findings about the catalog itself: the mirrors have what it lacks, so that all can be mended. */
class Report {
  count = 0;
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  add(kind: FindingKind, object: string, detail: string): void {
    this.count += 1;
    this.#context.monitor.finding({ kind, mirror: catalogName, object, healable: true, detail });
  }
}

/** Reads every row; false if one of them is not what it should be, and nothing behind it counts. */
async function readRows(own: Repository, report: Report): Promise<boolean> {
  try {
    await own.log.catchUp();
  } catch (error) {
    if (!isVersionsError(error, 'Corrupt')) throw error;
    report.add('corrupt', '', `${errorMessage(error)}; "versions catalog rebuild" makes it anew`);
    return false;
  }
  if (own.state.tip === undefined) {
    report.add('stale', '', 'It is empty; "versions catalog rebuild" makes it anew');
    return false;
  }
  return true;
}

function compareSnapshots(own: Repository, others: Repository, report: Report): void {
  for (const { record } of others.state.snapshots.values()) {
    if (own.state.snapshots.has(record.id)) continue;
    const what = `Snapshot ${record.id.slice(0, 8)}`;
    report.add('stale', '', `${what} is in the journal of the mirrors, and the catalog lacks it`);
  }
  for (const { record, number } of own.state.snapshots.values()) {
    if (others.state.snapshots.has(record.id)) continue;
    const what = `Snapshot ${record.id.slice(0, 8)}`;
    report.add(
      'missing',
      '',
      `${what}, committed by entry ${number}, is not in the journal of the mirrors that are here; the next run that writes puts it there`,
    );
  }
}

function summaryOf(
  { state }: Repository,
  report: Report,
  lost: number,
  findings = 0,
): VerifiedCatalog {
  return {
    entries: state.tip?.number ?? 0,
    packs: state.packs.count,
    snapshots: state.snapshots.size,
    findings: report.count + findings,
    lost,
  };
}
