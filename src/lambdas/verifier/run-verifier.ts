import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import {
  encodeWork,
  judgeFor,
  lockingStoreIn,
  verifyCopies,
  type WorkMessage,
} from '../../core/index.ts';
import { metricsLine } from '../shared/metrics.ts';
import type { RunTime } from '../shared/run-time.ts';
import type { Surroundings } from '../shared/surroundings.ts';
import { workOff, type Workplace } from '../shared/work-off.ts';
import type { WorkerSettings } from '../shared/worker-settings.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** Reads copies of one mirror; what is missing or damaged goes to the healer of that mirror. */
export async function runVerifier(
  event: SQSEvent,
  settings: WorkerSettings,
  surroundings: Surroundings,
  runTime: RunTime,
): Promise<SQSBatchResponse> {
  const mirrors = settings.mirrors.filter(({ name }) => name === settings.own);
  return workOff(event, { settings, surroundings, runTime, mirrors }, verifyMessage);
}

async function verifyMessage(message: WorkMessage, place: Workplace): Promise<void> {
  const { settings, surroundings, own, open, monitor, time } = place;
  await using catalog = await surroundings.openCatalog(settings.catalog);
  const result = await verifyCopies(own, message.copies, {
    ledger: catalog.ledger,
    judge: judgeFor({ repository: open.repository }),
    clock: surroundings.clock,
    monitor,
    maxAgeMs: settings.maxAgeDays * dayMs,
    locking: lockingStoreIn(own.store),
    hasTime: time.hasTime,
    signal: time.signal,
  });
  // What could not be read may be good: it is looked at again, not written over.
  const mendable = result.bad.filter(({ kind }) => kind !== 'unreadable');
  await sendOn(own.settings.healQueue, { ...message, copies: mendable }, surroundings);
  await sendOn(own.settings.verifyQueue, { ...message, copies: result.left }, surroundings);
  for (const { object, kind, detail } of result.bad) {
    surroundings.log({ type: 'finding', mirror: own.name, object, kind, detail });
  }
  if (result.archived > 0) {
    surroundings.log({ type: 'archived', mirror: own.name, copies: result.archived });
  }
  surroundings.log(
    metricsLine(settings.deployment, surroundings.clock, {
      CopiesVerified: result.good + result.bad.length,
      CopiesFoundBad: result.bad.length,
      BytesVerified: result.bytesRead,
      ...(result.locked === 0 ? {} : { LocksExtended: result.locked }),
    }),
  );
}

async function sendOn(
  queue: string | undefined,
  message: WorkMessage,
  { send }: Surroundings,
): Promise<void> {
  if (queue === undefined || message.copies.length === 0) return;
  const copies = message.copies.map(({ object, bytes }) => ({ object, bytes }));
  await send(queue, encodeWork({ ...message, copies }));
}
