import type { Context } from 'aws-lambda';
import { awsSurroundings } from '../shared/aws-surroundings.ts';
import { parseSettings } from '../shared/parse-settings.ts';
import { settingsVariable } from '../shared/worker-settings.ts';
import { type ReporterResult, runReporter } from './run-reporter.ts';

const settings = parseSettings(process.env[settingsVariable]);
const surroundings = awsSurroundings();

/** Started by the schedule; `count` once a day. */
export async function handler(
  event: { readonly count?: boolean } | undefined,
  context: Context,
): Promise<ReporterResult> {
  return runReporter({ count: event?.count === true }, settings, surroundings, context);
}
