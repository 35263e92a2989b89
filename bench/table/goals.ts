import type { Goal } from './row.ts';

type GoalName =
  | 'firstOverRestic'
  | 'firstOverBupstash'
  | 'firstOverTar'
  | 'storedOverRestic'
  | 'storedOverBupstash'
  | 'secondOverRestic'
  | 'secondOverBupstash'
  | 'restoreOverRestic'
  | 'restoreOverBupstash'
  | 'verifyOverHash'
  | 'verifyShareOfHash'
  | 'healShareOfCopy'
  | 'twoMirrors'
  | 'twoWorkers'
  | 'imageAdded'
  | 'peakMegabytes'
  | 'memoryGrowth'
  | 'indexSeconds'
  | 'indexBytes'
  | 'helpMs'
  | 'snapshotsMs'
  | 'blockedMs'
  | 's3FirstOverRestic'
  | 's3TwoOverRestic'
  | 's3SecondOverRestic'
  | 's3RestoreOverRestic'
  | 's3LineShare'
  | 's3PeakMegabytes';

/** What the rows of the table are held against. Megabytes are 10^6 bytes. */
export const goals: Readonly<Record<GoalName, Goal>> = {
  firstOverRestic: { must: 0.5, aim: 0.34 },
  firstOverBupstash: { must: 1.15, aim: 0.8 },
  firstOverTar: { must: 1.6, aim: 1.15 },
  storedOverRestic: { must: 0.78, aim: 0.73 },
  storedOverBupstash: { must: 1, aim: 0.94 },
  secondOverRestic: { must: 0.25, aim: 0.13 },
  secondOverBupstash: { must: 1.4, aim: 0.8 },
  restoreOverRestic: { must: 0.55, aim: 0.33 },
  restoreOverBupstash: { must: 1.15, aim: 0.75 },
  verifyShareOfHash: { must: 0.8, aim: 0.95, isMore: true },
  healShareOfCopy: { must: 0.5, aim: 0.8, isMore: true },
  verifyOverHash: { must: 1.25, aim: 1.05 },
  twoMirrors: { must: 1.35, aim: 1.1 },
  twoWorkers: { must: 1.6, aim: 1.9, isMore: true },
  imageAdded: { must: 1, aim: 0.5 },
  peakMegabytes: { must: 450, aim: 250 },
  memoryGrowth: { must: 1.5, aim: 1.1 },
  indexSeconds: { must: 4, aim: 2 },
  indexBytes: { must: 48, aim: 40 },
  helpMs: { must: 120, aim: 60 },
  snapshotsMs: { must: 300, aim: 150 },
  blockedMs: { must: 50, aim: 25 },
  s3FirstOverRestic: { must: 0.6, aim: 0.6 },
  s3TwoOverRestic: { must: 0.85, aim: 0.85 },
  s3SecondOverRestic: { must: 0.3, aim: 0.3 },
  s3RestoreOverRestic: { must: 0.6, aim: 0.6 },
  s3LineShare: { must: 0.8, aim: 0.95, isMore: true },
  s3PeakMegabytes: { must: 450, aim: 450 },
};
