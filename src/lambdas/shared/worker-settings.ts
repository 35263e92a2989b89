/** What a deployed function is told about its deployment, as JSON in VERSIONS_SETTINGS. */
export interface WorkerSettings {
  /** Name of the deployment; the dimension of every metric. */
  readonly deployment: string;
  /** URL of the catalog. */
  readonly catalog: string;
  readonly mirrors: readonly WorkerMirror[];
  /** Name of the mirror that a verifier reads and a healer writes. */
  readonly own?: string;
  readonly maxAgeDays: number;
  readonly bytesPerRunMax: number;
  readonly dollarsPerRunMax: number;
  readonly silentAfterHours: number;
  /** ARN of the topic that people are told things through. */
  readonly topic?: string;
}

/** One mirror, as far as the function concerned needs to know it. */
export interface WorkerMirror {
  readonly name: string;
  readonly url: string;
  /** A name in the price table. */
  readonly price: string;
  /** Name of the secret with the keys for its bucket; else the role of the function reads it. */
  readonly secret?: string;
  /** URLs of its queues. */
  readonly verifyQueue?: string;
  readonly healQueue?: string;
}

export const settingsVariable = 'VERSIONS_SETTINGS';
