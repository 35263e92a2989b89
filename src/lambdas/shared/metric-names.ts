/** Where the metrics of every deployment are found in CloudWatch. */
export const metricNamespace = 'Versions';

/** Every metric there is; each has the dimension `Deployment`. */
export type MetricName =
  | 'BreakersTripped'
  | 'BytesVerified'
  | 'ClientsSilent'
  | 'CopiesBad'
  | 'CopiesFoundBad'
  | 'CopiesHealed'
  | 'CopiesNotHealed'
  | 'CopiesOwed'
  | 'CopiesPlanned'
  | 'CopiesVerified'
  | 'LocksExtended'
  | 'ObjectsLost'
  | 'ObjectsWithMoreCopies'
  | 'ObjectsWithOneCopy'
  | 'ObjectsWithTwoCopies'
  | 'OldestUnverifiedDays'
  | 'Reports';
