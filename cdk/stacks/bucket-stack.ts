import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { MirrorBucket } from '../constructs/mirror-bucket.ts';
import type { Deployment, S3MirrorDeployment } from '../deployment-type.ts';
import { bucketPlaceOf } from '../mirror-place.ts';

/** The buckets of one region that is not the one of the table and the functions. */
export class BucketStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    props: StackProps & {
      readonly deployment: Deployment;
      readonly mirrors: readonly S3MirrorDeployment[];
    },
  ) {
    super(scope, id, { ...props, terminationProtection: true });
    addBuckets(this, props.deployment, props.mirrors);
  }
}

/** Makes the buckets that are not there already. */
export function addBuckets(
  scope: Construct,
  deployment: Deployment,
  mirrors: readonly S3MirrorDeployment[],
): void {
  for (const mirror of mirrors) {
    if (mirror.bucket !== undefined) continue;
    new MirrorBucket(scope, mirror, bucketPlaceOf(deployment, mirror).bucket);
  }
}
