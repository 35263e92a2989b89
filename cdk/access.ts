import { Aws, type Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Deployment, MirrorDeployment } from './deployment-type.ts';
import {
  bucketArn,
  bucketPlaceOf,
  objectArns,
  secretArn,
  secretName,
  type SecretRole,
} from './mirror-place.ts';

/** The parts of a mirror (docs/format.md) that may be written, relative to its prefix. */
export const objectKeys: readonly string[] = [
  'config',
  'mirror',
  'keys/*',
  'packs/*',
  'journal/*',
  'payloads/*',
  'checkpoints/*',
];

/** Reading only what says whose copy a place holds: its marker, and the configuration beside it. */
export function readMarker(deployment: Deployment, mirror: MirrorDeployment): PolicyStatement[] {
  if (mirror.kind === 'other') return [];
  return [
    new PolicyStatement({
      actions: ['s3:GetObject'],
      resources: objectArns(bucketPlaceOf(deployment, mirror), ['mirror', 'config']),
    }),
  ];
}

/**
 * Reading every object of a mirror. The right to list tells "not there" from "not allowed": without
 * it S3 answers 403 to both.
 */
export function readObjects(deployment: Deployment, mirror: MirrorDeployment): PolicyStatement[] {
  if (mirror.kind === 'other') return [];
  const place = bucketPlaceOf(deployment, mirror);
  return [
    new PolicyStatement({
      actions: ['s3:GetObject', 's3:GetObjectVersion'],
      resources: objectArns(place, ['*']),
    }),
    ...listObjects(deployment, mirror),
  ];
}

/** Listing a mirror, also its older versions. */
export function listObjects(deployment: Deployment, mirror: MirrorDeployment): PolicyStatement[] {
  if (mirror.kind === 'other') return [];
  const place = bucketPlaceOf(deployment, mirror);
  return [
    new PolicyStatement({
      actions: ['s3:ListBucket', 's3:ListBucketVersions'],
      resources: [bucketArn(place)],
    }),
  ];
}

/** Writing objects, never deleting them. */
export function writeObjects(
  deployment: Deployment,
  mirror: MirrorDeployment,
  keys: readonly string[],
): PolicyStatement[] {
  if (mirror.kind === 'other') return [];
  const place = bucketPlaceOf(deployment, mirror);
  return [
    new PolicyStatement({ actions: ['s3:PutObject'], resources: objectArns(place, keys) }),
    ...extendLocks(deployment, mirror),
  ];
}

/** The parts of a mirror that are locked. */
const lockedKeys: readonly string[] = ['packs/*', 'journal/*', 'payloads/*', 'checkpoints/*'];

/**
 * Locking what is kept, for as long as the deployment says and no longer. Without the right to bypass
 * it, which nobody has, S3 takes no date before the one that stands.
 */
export function extendLocks(deployment: Deployment, mirror: MirrorDeployment): PolicyStatement[] {
  if (mirror.kind === 'other' || mirror.objectLock === undefined) return [];
  return [
    new PolicyStatement({
      actions: ['s3:PutObjectRetention'],
      resources: objectArns(bucketPlaceOf(deployment, mirror), lockedKeys),
      conditions: {
        NumericLessThanEqualsIfExists: {
          's3:object-lock-remaining-retention-days': String(mirror.objectLock.days),
        },
      },
    }),
  ];
}

/** Asking for the keys of a bucket at another provider. */
export function readSecret(
  stack: Stack,
  deployment: Deployment,
  mirror: MirrorDeployment,
  role: SecretRole,
): PolicyStatement[] {
  if (mirror.kind === 's3') return [];
  return [
    new PolicyStatement({
      actions: ['secretsmanager:GetSecretValue'],
      resources: [secretArn(stack, secretName(deployment, mirror.name, role))],
    }),
  ];
}

/** The table of the catalog and its index. */
export interface TableArns {
  readonly table: string;
  readonly index: string;
}

export function tableArnsOf(deployment: Deployment, tableName: string): TableArns {
  const table = `arn:${Aws.PARTITION}:dynamodb:${deployment.region}:${Aws.ACCOUNT_ID}:table/${tableName}`;
  return { table, index: `${table}/index/*` };
}

/** The partitions of the table (docs/journal.md) in which the functions write, who have no key. */
export const keylessPartitions: readonly string[] = ['ledger', 'lease', 'event', 'counter'];
/** Those in which clients say the same: none of the functions takes it for their own. */
export const clientPartitions: readonly string[] = keylessPartitions.map(
  (name) => `client-${name}`,
);
const [clientLedger = ''] = clientPartitions;
/** Those in which a client adds items. */
const rowPartitions: readonly string[] = ['meta', 'entry', 'payload', ...clientPartitions];

export function readTable({ table, index }: TableArns): PolicyStatement {
  return new PolicyStatement({
    actions: [
      'dynamodb:DescribeTable',
      'dynamodb:GetItem',
      'dynamodb:BatchGetItem',
      'dynamodb:Query',
    ],
    resources: [table, index],
  });
}

/**
 * A function adds to the ledger and takes leases. It has no key, so it has no right to touch the
 * journal either: neither its rows nor their payloads.
 */
export function writeLedger({ table }: TableArns): PolicyStatement {
  return new PolicyStatement({
    actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:BatchWriteItem'],
    resources: [table],
    conditions: onlyIn(keylessPartitions),
  });
}

/** Taking over what clients have said of copies. */
export function takeClaims({ table }: TableArns): PolicyStatement {
  return new PolicyStatement({
    actions: ['dynamodb:DeleteItem'],
    resources: [table],
    conditions: onlyIn([clientLedger]),
  });
}

/**
 * What the items of a client may hold. Not among them: the attributes by which an index finds what is
 * due, so that nothing of a client's stands in the line of the functions.
 */
const clientAttributes: readonly string[] = [
  'pk',
  'sk',
  // Of rows, payloads and names.
  'lineage',
  'hash',
  'bytes',
  'payloadParts',
  'value',
  // Of what it says of copies, of leases and of events.
  'state',
  'notStored',
  'holder',
  'token',
  'expiresAt',
  'dropAt',
  'at',
  'kind',
  'by',
  'detail',
  'mirror',
  'object',
  'count',
];

/**
 * A client adds rows. What it may delete are items that can be made anew, and no row. What it says of
 * copies stands in partitions of its own: what was verified and when, workers say in theirs.
 */
export function writeRows({ table }: TableArns): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      resources: [table],
      conditions: onlyIn(rowPartitions, clientAttributes),
    }),
    // A batch may hold deletions, and DynamoDB asks for no other right for them.
    new PolicyStatement({
      actions: ['dynamodb:BatchWriteItem', 'dynamodb:DeleteItem'],
      resources: [table],
      conditions: onlyIn(['payload', clientLedger], clientAttributes),
    }),
  ];
}

/** Pruning says which objects are condemned and swept, and drops what is known of their copies. */
export function writeLives({ table }: TableArns): PolicyStatement {
  return new PolicyStatement({
    actions: [
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:BatchWriteItem',
      'dynamodb:DeleteItem',
    ],
    resources: [table],
    conditions: onlyIn(['ledger', clientLedger]),
  });
}

function onlyIn(
  partitions: readonly string[],
  attributes?: readonly string[],
): Record<string, Record<string, readonly string[]>> {
  const keys = { 'dynamodb:LeadingKeys': partitions };
  return {
    'ForAllValues:StringEquals':
      attributes === undefined ? keys : { ...keys, 'dynamodb:Attributes': attributes },
  };
}
