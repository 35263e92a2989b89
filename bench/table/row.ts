/** A row of the table of goals. */
export interface Row {
  readonly what: string;
  /** Undefined if it could not be measured; `note` says why. */
  readonly value: number | undefined;
  /** What stands behind the value: other ways to look at it, or why it is missing. */
  readonly note: string;
  readonly unit: Unit;
  /** What must be reached and what is aimed at; undefined for rows that are there to be known. */
  readonly goal: Goal | undefined;
}

export interface Goal {
  readonly must: number;
  readonly aim: number;
  /** Whether more is better; else less is. */
  readonly isMore?: boolean;
}

export type Unit = 'times' | 'seconds' | 'milliseconds' | 'megabytes' | 'bytes';

/** How a row stands to its goal. */
export type Verdict = 'aim reached' | 'met' | 'missed' | 'not measured' | '';

export function verdictOf({ value, goal }: Row): Verdict {
  if (value === undefined) return 'not measured';
  if (goal === undefined) return '';
  const reaches = (limit: number): boolean => (goal.isMore ? value >= limit : value <= limit);
  if (reaches(goal.aim)) return 'aim reached';
  return reaches(goal.must) ? 'met' : 'missed';
}
