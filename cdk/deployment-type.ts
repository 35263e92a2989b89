/** One deployment: buckets, table, functions and alarms of one repository. */
export interface Deployment {
  /** 3 to 20 lower-case letters, digits and dashes; becomes part of every name. */
  readonly name: string;
  /** Where the table and the functions live. */
  readonly region: string;
  /** An existing DynamoDB table (docs/deploy.md tells its keys); else one is made. */
  readonly table?: string;
  /** One to eight. The order is the order in which the client reads. */
  readonly mirrors: readonly MirrorDeployment[];
  readonly verification: VerificationDeployment;
  readonly notification: NotificationDeployment;
}

export type MirrorDeployment = S3MirrorDeployment | OtherMirrorDeployment;

/** A bucket in the account that is deployed to. */
export interface S3MirrorDeployment {
  readonly kind: 's3';
  readonly name: string;
  /** Else the region of the deployment. */
  readonly region?: string;
  /** An existing bucket; else one is made, and kept when the stack is destroyed. */
  readonly bucket?: string;
  /** Where in the bucket the mirror lies, without slashes at its ends. */
  readonly prefix?: string;
  /** Locks new objects for that many days, renewed while they are needed. For a new bucket only. */
  readonly objectLock?: { readonly mode: 'governance' | 'compliance'; readonly days: number };
}

/** A bucket at any other provider, or of another account. */
export interface OtherMirrorDeployment {
  readonly kind: 'other';
  readonly name: string;
  /** As for `versions init --mirror`: `s3://BUCKET/PREFIX?region=…&endpoint=…`, without keys. */
  readonly url: string;
  /** A name in the price table that `versions cost` prints; decides which copies are read first. */
  readonly price: string;
}

export interface VerificationDeployment {
  /** How often the planner runs: 1 to 1440. */
  readonly everyMinutes: number;
  /** Every copy is read whole at least once in that many days, as far as the budget allows. */
  readonly maxAgeDays: number;
  /** Upper limits of what one run of the planner may ask for, all mirrors together. */
  readonly bytesPerRunMax: number;
  readonly dollarsPerRunMax: number;
  /** Functions that verify one mirror at once; 2 if not given. */
  readonly verifiersPerMirror?: number;
}

export interface NotificationDeployment {
  /** Somebody to write to; the address has to confirm. More can be subscribed to the topic. */
  readonly email?: string;
  /** A client that saved before and then not for that long is reported. */
  readonly silentAfterHours: number;
}
