import type { Clock, MirrorId } from '../base/index.ts';
import type { Ledger } from '../catalog/index.ts';
import { isVersionsError } from '../errors/index.ts';
import type { Mirror } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { copyObject, type CopyOptions } from './copy-object.ts';

export interface PayOptions extends CopyOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly monitor: Monitor;
  /** Who does it, for the events: a host, or the name of a function. */
  readonly by: string;
  /** Only debts of this mirror. */
  readonly mirror?: MirrorId | undefined;
  /** Stop before more than so many bytes were copied. */
  readonly bytesMax?: number | undefined;
}

export interface PaidDebts {
  readonly paid: number;
  readonly bytes: number;
  /** Debts that could not be paid; each was reported. */
  readonly left: number;
}

/**
 * Pays what the ledger says that mirrors owe, each from a good copy in another mirror, re-hashed on
 * both sides. Debts of mirrors that are not at hand stay. Interrupted, the next call goes on.
 */
export async function payDebts(
  mirrors: readonly Mirror[],
  options: PayOptions,
): Promise<PaidDebts> {
  const { ledger, monitor, bytesMax = Number.POSITIVE_INFINITY } = options;
  let paid = 0;
  let bytes = 0;
  let left = 0;
  // Read whole before the first is paid: paying changes what is being read.
  const debts: { readonly key: string; readonly target: Mirror; readonly bytes: number }[] = [];
  for await (const copy of ledger.copies({ state: 'debt', mirror: options.mirror })) {
    const target = mirrors.find(({ id }) => id === copy.mirror);
    if (target) debts.push({ key: copy.object, target, bytes: copy.bytes });
  }
  monitor.count('objectsTotal', debts.length);
  for (const debt of debts) {
    options.signal?.throwIfAborted();
    if (bytes + debt.bytes > bytesMax) {
      left += 1;
      continue;
    }
    try {
      bytes += await payDebt(debt.key, debt.target, mirrors, options);
      paid += 1;
      monitor.count('objectsDone', 1);
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'Unavailable', 'Denied')) throw error;
      left += 1;
      monitor.problem(error);
    }
  }
  return { paid, bytes, left };
}

/** Pays one debt and notes it. Returns the bytes that were copied. Throws like `copyObject`. */
export async function payDebt(
  key: string,
  target: Mirror,
  mirrors: readonly Mirror[],
  options: Pick<PayOptions, 'judge' | 'signal' | 'ledger' | 'clock' | 'monitor' | 'by'>,
): Promise<number> {
  const copied = await copyObject(key, mirrors, target, options);
  const at = options.clock.now();
  await options.ledger.setState(key, target.id, 'stored', at);
  options.monitor.count('bytesDone', copied.bytes);
  if (copied.result === 'present') return 0;
  await options.ledger.addEvent({
    at,
    kind: 'paid',
    mirror: target.id,
    object: key,
    by: options.by,
    detail: `Copied from ${copied.from ?? 'another mirror'}, ${copied.bytes} bytes`,
  });
  return copied.bytes;
}
