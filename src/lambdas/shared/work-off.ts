import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { decodeWork, isVersionsError, type WorkMessage } from '../../core/index.ts';
import { type OpenMirror, type OpenMirrors, openMirrors } from './open-mirrors.ts';
import { LogMonitor } from './log-monitor.ts';
import { type RunTime, type TimeLeft, timeLeft } from './run-time.ts';
import type { Surroundings } from './surroundings.ts';
import type { WorkerSettings } from './worker-settings.ts';

/** What a worker does one message with. */
export interface Workplace {
  readonly settings: WorkerSettings;
  readonly surroundings: Surroundings;
  readonly monitor: LogMonitor;
  readonly open: OpenMirrors;
  /** The mirror that the function is for. */
  readonly own: OpenMirror;
  readonly time: TimeLeft;
}

/**
 * Works off the messages of a queue one after the other. A message that fails is told to the queue,
 * which gives it out again and in the end puts it aside; the others are done. Work for a repository
 * or mirror that is no longer here is dropped: nothing would ever come of it.
 */
export async function workOff(
  event: SQSEvent,
  worker: {
    readonly settings: WorkerSettings;
    readonly surroundings: Surroundings;
    readonly runTime: RunTime;
    /** Mirrors that are opened; the own one among them. */
    readonly mirrors: WorkerSettings['mirrors'];
    readonly writable?: string | undefined;
  },
  work: (message: WorkMessage, place: Workplace) => Promise<void>,
): Promise<SQSBatchResponse> {
  const { settings, surroundings } = worker;
  using time = timeLeft(worker.runTime);
  const monitor = new LogMonitor(surroundings.log);
  const options = { monitor, writable: worker.writable, signal: time.signal };
  await using open = await openMirrors(worker.mirrors, surroundings, options);
  const own = open?.mirrors.find(({ name }) => name === settings.own);
  const failed: string[] = [];
  for (const { messageId, body } of event.Records) {
    try {
      const message = decodeWork(body);
      // Away, not gone: the queue keeps the work until it is back.
      if (open === undefined || own === undefined || !time.hasTime()) {
        failed.push(messageId);
        continue;
      }
      if (message.repository !== open.repository || message.mirror !== own.id) {
        surroundings.log({ type: 'dropped', messageId, reason: 'It is for another mirror' });
        continue;
      }
      await work(message, { settings, surroundings, monitor, open, own, time });
    } catch (error) {
      failed.push(messageId);
      if (isVersionsError(error)) monitor.problem(error);
      else surroundings.log({ type: 'failed', messageId, error: String(error) });
    }
  }
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
}
