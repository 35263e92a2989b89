import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import {
  defaultPrices,
  encodeWork,
  healCopies,
  judgeFor,
  storePrice,
  type WorkMessage,
} from '../../core/index.ts';
import { metricsLine } from '../shared/metrics.ts';
import type { OpenMirror } from '../shared/open-mirrors.ts';
import type { RunTime } from '../shared/run-time.ts';
import type { Surroundings } from '../shared/surroundings.ts';
import { workOff, type Workplace } from '../shared/work-off.ts';
import type { WorkerSettings } from '../shared/worker-settings.ts';

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Makes copies of one mirror good, from whichever other mirror it is cheapest to read; of those that
 * cost the same, from that which answers fastest.
 */
export async function runHealer(
  event: SQSEvent,
  settings: WorkerSettings,
  surroundings: Surroundings,
  runTime: RunTime,
): Promise<SQSBatchResponse> {
  const { mirrors, own } = settings;
  return workOff(event, { settings, surroundings, runTime, mirrors, writable: own }, healMessage);
}

async function healMessage(message: WorkMessage, place: Workplace): Promise<void> {
  const { settings, surroundings, own, open, monitor, time } = place;
  await using catalog = await surroundings.openCatalog(settings.catalog);
  const result = await healCopies(own, message.copies, {
    repository: open.repository,
    ledger: catalog.ledger,
    judge: judgeFor({ repository: open.repository }),
    clock: surroundings.clock,
    monitor,
    sources: open.mirrors.toSorted(
      (a, b) => dearness(a) - dearness(b) || a.latencyMs - b.latencyMs,
    ),
    isComplete: open.absent.length === 0,
    holder: surroundings.newHolder(),
    by: `healer of ${own.name}`,
    maxAgeMs: settings.maxAgeDays * dayMs,
    hasTime: time.hasTime,
    signal: time.signal,
  });
  const queue = own.settings.healQueue;
  if (result.left.length > 0 && queue !== undefined) {
    await surroundings.send(queue, encodeWork({ ...message, copies: result.left }));
  }
  surroundings.log({ type: 'healed', mirror: own.name, ...result });
  surroundings.log(
    metricsLine(settings.deployment, surroundings.clock, {
      CopiesHealed: result.healed,
      CopiesNotHealed: result.failed,
      BreakersTripped: result.tripped ? 1 : 0,
    }),
  );
}

/** What a gigabyte read from a mirror costs at most. */
function dearness({ settings }: OpenMirror): number {
  const { egressPerGb, retrievalPerGb } = storePrice(defaultPrices, settings.price);
  return egressPerGb + retrievalPerGb;
}
