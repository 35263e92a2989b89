import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  ObjectLockRetention,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { S3MirrorDeployment } from '../deployment-type.ts';
import { acknowledge } from './acknowledge.ts';

const oldVersionsKeptDays = 90;

/**
 * The bucket of one mirror. It outlives its stack. Versions stay for 90 days after they were
 * overwritten or deleted, and for as long as they are locked: so whoever holds the client's keys
 * can hide objects, not destroy them.
 */
export class MirrorBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, mirror: S3MirrorDeployment, bucketName: string) {
    super(scope, `Mirror-${mirror.name}`);
    const lock = mirror.objectLock;
    const lockDays = lock?.days ?? 0;
    this.bucket = new Bucket(this, 'Bucket', {
      bucketName,
      versioned: true,
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: RemovalPolicy.RETAIN,
      ...(lock === undefined
        ? {}
        : { objectLockEnabled: true, objectLockDefaultRetention: retentionOf(lock) }),
      lifecycleRules: [
        { id: 'incomplete-uploads', abortIncompleteMultipartUploadAfter: Duration.days(3) },
        {
          id: 'old-versions',
          noncurrentVersionExpiration: Duration.days(Math.max(oldVersionsKeptDays, lockDays + 1)),
        },
      ],
    });
    acknowledge(
      this.bucket,
      'AwsSolutions-S1',
      'Every change is in the journal, which is hashed and chained; access logs would cost more than the data they are about. CloudTrail data events can be switched on for the bucket.',
    );
  }
}

function retentionOf({
  mode,
  days,
}: NonNullable<S3MirrorDeployment['objectLock']>): ObjectLockRetention {
  return mode === 'compliance'
    ? ObjectLockRetention.compliance(Duration.days(days))
    : ObjectLockRetention.governance(Duration.days(days));
}
