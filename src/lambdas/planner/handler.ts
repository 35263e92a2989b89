import type { Context } from 'aws-lambda';
import { awsSurroundings } from '../shared/aws-surroundings.ts';
import { parseSettings } from '../shared/parse-settings.ts';
import { settingsVariable } from '../shared/worker-settings.ts';
import { type PlannerResult, runPlanner } from './run-planner.ts';

const settings = parseSettings(process.env[settingsVariable]);
const surroundings = awsSurroundings();

/** Started by the schedule. */
export async function handler(_event: unknown, context: Context): Promise<PlannerResult> {
  return runPlanner(settings, surroundings, context);
}
