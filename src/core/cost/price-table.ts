import { VersionsError } from '../errors/index.ts';

/** What a provider takes for one kind of storage. Dollars; TB and GB are powers of ten, as on bills. */
export interface StorePrice {
  readonly storagePerTbMonth: number;
  readonly writePerThousand: number;
  readonly readPerThousand: number;
  /** Reading from another region, provider or your own machine. */
  readonly egressPerGb: number;
  /** Egress that is free each month, in GB. */
  readonly egressFreeGb: number;
  /** Egress that is free each month, as a multiple of what is stored. */
  readonly egressFreeTimesStored: number;
  /** On top of every read, wherever it goes. */
  readonly retrievalPerGb: number;
  /** What is charged at least, in TB. */
  readonly minimumTb: number;
}

/** What the functions, queues and the table take. */
export interface WorkerPrice {
  readonly gigabyteSecond: number;
  readonly millionRequests: number;
  readonly millionQueueRequests: number;
  readonly millionTableWrites: number;
  readonly millionTableReads: number;
  readonly tableGbMonth: number;
}

/** Everything that an estimate is made of. Printed, edited and read back as JSON. */
export interface PriceTable {
  /** When somebody last looked at the lists of the providers. */
  readonly asOf: string;
  readonly stores: Readonly<Record<string, StorePrice>>;
  readonly workers: WorkerPrice;
}

/** A store that costs nothing: what others begin from, with the name of every price. */
export const freeStore: StorePrice = {
  storagePerTbMonth: 0,
  writePerThousand: 0,
  readPerThousand: 0,
  egressPerGb: 0,
  egressFreeGb: 0,
  egressFreeTimesStored: 0,
  retrievalPerGb: 0,
  minimumTb: 0,
};
const s3: StorePrice = {
  ...freeStore,
  storagePerTbMonth: 23,
  writePerThousand: 0.005,
  readPerThousand: 0.0004,
  egressPerGb: 0.09,
  egressFreeGb: 100,
};

/** List prices of the cheapest large region of each provider. They change: edit your own copy. */
export const defaultPrices: PriceTable = {
  asOf: '2026-11',
  stores: {
    's3-standard': s3,
    's3-standard-ia': {
      ...s3,
      storagePerTbMonth: 12.5,
      writePerThousand: 0.01,
      readPerThousand: 0.001,
      retrievalPerGb: 0.01,
    },
    's3-glacier-ir': {
      ...s3,
      storagePerTbMonth: 4,
      writePerThousand: 0.02,
      readPerThousand: 0.01,
      retrievalPerGb: 0.03,
    },
    r2: { ...freeStore, storagePerTbMonth: 15, writePerThousand: 0.0045, readPerThousand: 0.00036 },
    b2: {
      ...freeStore,
      storagePerTbMonth: 6,
      readPerThousand: 0.0004,
      egressPerGb: 0.01,
      egressFreeTimesStored: 3,
    },
    wasabi: { ...freeStore, storagePerTbMonth: 7.99, egressFreeTimesStored: 1, minimumTb: 1 },
    own: freeStore,
  },
  workers: {
    gigabyteSecond: 0.000_013_333_4,
    millionRequests: 0.2,
    millionQueueRequests: 0.4,
    millionTableWrites: 0.625,
    millionTableReads: 0.125,
    tableGbMonth: 0.25,
  },
};

/** The price of one kind of storage. Throws `Usage` (code PRICE_UNKNOWN). */
export function storePrice(table: PriceTable, name: string): StorePrice {
  const price = Object.hasOwn(table.stores, name) ? table.stores[name] : undefined;
  if (price !== undefined) return price;
  throw new VersionsError('Usage', 'PRICE_UNKNOWN', `The price table has no "${name}"`, {
    hint: `It has ${Object.keys(table.stores).join(', ')}; \`versions cost --print-prices\` prints it, to be edited`,
    context: { name },
  });
}

/** Which price a mirror most likely has, by its URL; `own` for directories and unknown servers. */
export function priceNameOf(url: string): string {
  if (!/^s3:\/\//i.test(url) || !URL.canParse(url)) return 'own';
  const { searchParams } = new URL(url);
  const endpoint = searchParams.get('endpoint') ?? '';
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : '';
  if (host === '' || host.endsWith('.amazonaws.com')) {
    return s3Classes.get(searchParams.get('storage-class')?.toUpperCase() ?? '') ?? 's3-standard';
  }
  return hosts.find(([suffix]) => host === suffix || host.endsWith(`.${suffix}`))?.[1] ?? 'own';
}

const hosts: readonly (readonly [suffix: string, price: string])[] = [
  ['backblazeb2.com', 'b2'],
  ['r2.cloudflarestorage.com', 'r2'],
  ['wasabisys.com', 'wasabi'],
];
const s3Classes: ReadonlyMap<string, string> = new Map([
  ['STANDARD_IA', 's3-standard-ia'],
  ['GLACIER_IR', 's3-glacier-ir'],
]);
