import type { Clock, Random } from '../base/index.ts';

/** What a store is asked, in the order in which the answers are shown. */
export const probeQuestions = [
  'write',
  'read',
  'ranges',
  'list',
  'overwrite',
  'delete',
  'conditional-put',
  'payload-hash',
  'checksum',
  'suffix-range',
  'paging',
  'versions',
  'object-lock',
  'storage-class',
  'clock',
  'latency',
  'upload',
  'download',
] as const;

export type ProbeQuestion = (typeof probeQuestions)[number];

/**
 * One answer. `good`: as it should be; `lacking`: it is not there, and Versions does without;
 * `bad`: a mirror there does not do what Versions relies on; `fact`: neither.
 */
export interface ProbeAnswer {
  readonly question: ProbeQuestion;
  readonly state: 'good' | 'lacking' | 'bad' | 'fact';
  /** A few words. */
  readonly answer: string;
}

export interface ProbeOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Bytes sent and fetched to see how fast it goes; 0: not looked at. */
  readonly speedBytes: number;
  /** Find out with fewer requests whether conditions are atomic: some that are not, pass. */
  readonly brief?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}
