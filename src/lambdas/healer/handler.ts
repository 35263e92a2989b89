import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { awsSurroundings } from '../shared/aws-surroundings.ts';
import { parseSettings } from '../shared/parse-settings.ts';
import { settingsVariable } from '../shared/worker-settings.ts';
import { runHealer } from './run-healer.ts';

const settings = parseSettings(process.env[settingsVariable]);
const surroundings = awsSurroundings();

/** Started by the queue of one mirror. */
export async function handler(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  return runHealer(event, settings, surroundings, context);
}
