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

/** Writing objects, never deleting them; locks can be made longer, not shorter. */
export function writeObjects(
  deployment: Deployment,
  mirror: MirrorDeployment,
  keys: readonly string[],
): PolicyStatement[] {
  if (mirror.kind === 'other') return [];
  const place = bucketPlaceOf(deployment, mirror);
  return [
    new PolicyStatement({
      actions: [
        's3:PutObject',
        ...(mirror.objectLock === undefined
          ? []
          : ['s3:PutObjectRetention', 's3:GetObjectRetention']),
      ],
      resources: objectArns(place, keys),
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

/** The partitions of the table (docs/journal.md) that whoever has no key may write. */
export const keylessPartitions: readonly string[] = ['ledger', 'lease', 'event', 'counter'];
/** Partitions of which a client deletes items: health of what was pruned, payloads that are folded. */
export const clearedPartitions: readonly string[] = ['ledger', 'payload'];

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

/** A client adds rows. What it may delete are items that can be made anew, and no row. */
export function writeRows({ table }: TableArns): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      resources: [table],
    }),
    // A batch may hold deletions, and DynamoDB asks for no other right for them.
    new PolicyStatement({
      actions: ['dynamodb:BatchWriteItem', 'dynamodb:DeleteItem'],
      resources: [table],
      conditions: onlyIn(clearedPartitions),
    }),
  ];
}

function onlyIn(partitions: readonly string[]): Record<string, Record<string, readonly string[]>> {
  return { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': partitions } };
}
