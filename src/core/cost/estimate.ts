import { priceNameOf, type PriceTable, type StorePrice, storePrice } from './price-table.ts';

/** What a repository is like, as far as it costs money. */
export interface CostInput {
  /** Objects and bytes that every mirror holds. */
  readonly objects: number;
  readonly bytes: number;
  /** Of those, stored in the last 30 days. */
  readonly newObjects: number;
  readonly newBytes: number;
  readonly mirrors: readonly CostedMirror[];
  /** Every copy is read whole once in that many days; 0: never. */
  readonly verifyEveryDays: number;
  /** The catalog is in DynamoDB, and verification runs in AWS Lambda. */
  readonly inCloud: boolean;
}

export interface CostedMirror {
  readonly name: string;
  /** A name in the price table. */
  readonly price: string;
  /** Read from AWS in the same region: no egress. */
  readonly nearWorkers: boolean;
}

/** Dollars a month, and dollars for one full restore. */
export interface CostEstimate {
  readonly mirrors: readonly MirrorCost[];
  /** Functions and queues. */
  readonly workers: number;
  readonly catalog: number;
  readonly perMonth: number;
  /** From the mirror where it is cheapest. */
  readonly restore: { readonly mirror: string; readonly dollars: number };
}

export interface MirrorCost {
  readonly name: string;
  readonly price: string;
  readonly storage: number;
  readonly requests: number;
  /** Reading it for verification, egress and retrieval included; not the functions that read. */
  readonly verification: number;
  readonly perMonth: number;
  /** Reading it whole once, to a machine that is not at the provider. */
  readonly restore: number;
}

const tb = 1e12;
const gb = 1e9;
const daysPerMonth = 30;
/** What one function reads a second from a bucket in its region, and the memory that it has. */
export const workerBytesPerSecond = 75e6;
export const workerGigabytes = 1;
/** Rows of the ledger: one a copy, with its entries in two indexes. */
const rowBytes = 450;
/** Writes for one verified copy: handing it out, its state, when it is due, each also in an index. */
const tableWritesPerVerify = 6;
const copiesPerMessage = 20;
/** Sent, received, deleted. */
const requestsPerMessage = 3;

/** An estimate for a month in which as much is stored as in the last one. */
export function estimateCost(input: CostInput, table: PriceTable): CostEstimate {
  const mirrors = input.mirrors.map((mirror) => costOfMirror(input, mirror, table));
  const workers = input.inCloud ? costOfWorkers(input, table) : 0;
  const catalog = input.inCloud ? costOfCatalog(input, table) : 0;
  const cheapest = mirrors.toSorted((a, b) => a.restore - b.restore)[0];
  return {
    mirrors,
    workers,
    catalog,
    perMonth: mirrors.reduce((sum, { perMonth }) => sum + perMonth, workers + catalog),
    restore: { mirror: cheapest?.name ?? '', dollars: cheapest?.restore ?? 0 },
  };
}

/** How often a copy is read in a month. */
function readsPerMonth({ verifyEveryDays }: CostInput): number {
  return verifyEveryDays === 0 ? 0 : daysPerMonth / verifyEveryDays;
}

function costOfMirror(input: CostInput, mirror: CostedMirror, table: PriceTable): MirrorCost {
  const price = storePrice(table, mirror.price);
  const { objects, bytes, newObjects } = input;
  const reads = readsPerMonth(input);
  const storage = Math.max(price.minimumTb, bytes / tb) * price.storagePerTbMonth;
  const requests = (newObjects / 1000) * price.writePerThousand;
  const egress = mirror.nearWorkers ? 0 : egressOf(price, reads * bytes, bytes);
  const verification =
    ((reads * objects) / 1000) * price.readPerThousand +
    ((reads * bytes) / gb) * price.retrievalPerGb +
    egress;
  return {
    name: mirror.name,
    price: mirror.price,
    storage,
    requests,
    verification,
    perMonth: storage + requests + verification,
    restore:
      (objects / 1000) * price.readPerThousand +
      (bytes / gb) * price.retrievalPerGb +
      egressOf(price, bytes, bytes),
  };
}

function egressOf(price: StorePrice, bytes: number, stored: number): number {
  const freeGb = price.egressFreeGb + (price.egressFreeTimesStored * stored) / gb;
  return Math.max(0, bytes / gb - freeGb) * price.egressPerGb;
}

function costOfWorkers(input: CostInput, { workers }: PriceTable): number {
  const copies = readsPerMonth(input) * input.objects * input.mirrors.length;
  const bytes = readsPerMonth(input) * input.bytes * input.mirrors.length;
  const messages = Math.max(copies / copiesPerMessage, bytes / 1024 ** 3);
  return (
    (bytes / workerBytesPerSecond) * workerGigabytes * workers.gigabyteSecond +
    (messages / 1e6) * (workers.millionRequests + requestsPerMessage * workers.millionQueueRequests)
  );
}

function costOfCatalog(input: CostInput, { workers }: PriceTable): number {
  const { objects, newObjects, mirrors } = input;
  const writes =
    readsPerMonth(input) * objects * mirrors.length * tableWritesPerVerify +
    2 * newObjects * mirrors.length;
  return (
    (writes / 1e6) * workers.millionTableWrites +
    (writes / 2 / 1e6) * workers.millionTableReads +
    ((objects * mirrors.length * rowBytes) / gb) * workers.tableGbMonth
  );
}

/** What one read of a copy costs, for the budget of the planner. */
export interface ReadCost {
  readonly dollarsPerRead: number;
  readonly dollarsPerGib: number;
}

/** Free egress is not counted: a budget is for the worst case. */
export function readCost(priceName: string, nearWorkers: boolean, table: PriceTable): ReadCost {
  const price = storePrice(table, priceName);
  const perGb =
    price.retrievalPerGb +
    (nearWorkers ? 0 : price.egressPerGb) +
    (gb / workerBytesPerSecond) * workerGigabytes * table.workers.gigabyteSecond;
  return {
    dollarsPerRead:
      price.readPerThousand / 1000 +
      (tableWritesPerVerify * table.workers.millionTableWrites) / 1e6,
    dollarsPerGib: perGb * (1024 ** 3 / gb),
  };
}

/** A mirror as an estimate sees it; AWS is near itself only in the region of the functions. */
export function costedMirror(
  mirror: { readonly name: string; readonly url: string; readonly price?: string | undefined },
  workersRegion: string | undefined,
): CostedMirror {
  const price = mirror.price ?? priceNameOf(mirror.url);
  const region = URL.canParse(mirror.url) ? new URL(mirror.url).searchParams.get('region') : null;
  const isAws = price.startsWith('s3-');
  return { name: mirror.name, price, nearWorkers: isAws && region === (workersRegion ?? null) };
}
