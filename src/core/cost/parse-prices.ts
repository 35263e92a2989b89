import { errorMessage, VersionsError } from '../errors/index.ts';
import {
  defaultPrices,
  freeStore,
  type PriceTable,
  type StorePrice,
  type WorkerPrice,
} from './price-table.ts';

/**
 * Reads a price table that somebody has edited. Stores may be added; every number must be there
 * and not below zero. Throws `Usage` (code PRICES_INVALID).
 */
export function parsePrices(text: string): PriceTable {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`it is no JSON (${errorMessage(error)})`, error);
  }
  const { asOf, stores, workers } = fieldsOf(value, 'it');
  if (typeof asOf !== 'string') throw invalid('"asOf" is missing');
  const named = Object.entries(fieldsOf(stores, '"stores"'));
  if (named.length === 0) throw invalid('it has no stores');
  return {
    asOf,
    stores: Object.fromEntries(named.map(([name, each]) => [name, storeOf(each, name)])),
    workers: workersOf(workers),
  };
}

function storeOf(value: unknown, name: string): StorePrice {
  const read = numbersOf(value, `"${name}"`, Object.keys(freeStore));
  return {
    storagePerTbMonth: read('storagePerTbMonth'),
    writePerThousand: read('writePerThousand'),
    readPerThousand: read('readPerThousand'),
    egressPerGb: read('egressPerGb'),
    egressFreeGb: read('egressFreeGb'),
    egressFreeTimesStored: read('egressFreeTimesStored'),
    retrievalPerGb: read('retrievalPerGb'),
    minimumTb: read('minimumTb'),
  };
}

function workersOf(value: unknown): WorkerPrice {
  const read = numbersOf(value, '"workers"', Object.keys(defaultPrices.workers));
  return {
    gigabyteSecond: read('gigabyteSecond'),
    millionRequests: read('millionRequests'),
    millionQueueRequests: read('millionQueueRequests'),
    millionTableWrites: read('millionTableWrites'),
    millionTableReads: read('millionTableReads'),
    tableGbMonth: read('tableGbMonth'),
  };
}

/** A typing error in a name would silently leave the price as it was: unknown names are refused. */
function numbersOf(
  value: unknown,
  where: string,
  known: readonly string[],
): (name: string) => number {
  const fields = fieldsOf(value, where);
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`${where} has an unknown price "${unknown}"`);
  return (name) => {
    const number = fields[name];
    if (typeof number === 'number' && Number.isFinite(number) && number >= 0) return number;
    throw invalid(`${where} has no valid "${name}"`);
  };
}

function fieldsOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw invalid(`${where} is no object`);
}

function invalid(why: string, cause?: unknown): VersionsError {
  return new VersionsError('Usage', 'PRICES_INVALID', `The price table is not valid: ${why}`, {
    hint: 'Begin anew from what `versions cost --print-prices` prints',
    cause,
  });
}
