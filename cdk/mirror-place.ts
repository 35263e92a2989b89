import { ArnFormat, Aws, type Stack } from 'aws-cdk-lib';
import type { Deployment, MirrorDeployment, S3MirrorDeployment } from './deployment-type.ts';

/** A bucket of the account, as policies and URLs name it. */
export interface BucketPlace {
  readonly bucket: string;
  readonly region: string;
  /** With a slash at its end, or empty. */
  readonly prefix: string;
}

/** Names are computed, not referred to: so a bucket may be in another region than its functions. */
export function bucketPlaceOf(deployment: Deployment, mirror: S3MirrorDeployment): BucketPlace {
  const region = mirror.region ?? deployment.region;
  return {
    bucket: mirror.bucket ?? `versions-${deployment.name}-${mirror.name}-${Aws.ACCOUNT_ID}`,
    region,
    prefix: mirror.prefix === undefined ? '' : `${mirror.prefix}/`,
  };
}

/** What `versions init --mirror` would be given. */
export function urlOf(deployment: Deployment, mirror: MirrorDeployment): string {
  if (mirror.kind === 'other') return mirror.url;
  const { bucket, region } = bucketPlaceOf(deployment, mirror);
  const path = mirror.prefix === undefined ? '' : `/${mirror.prefix}`;
  const { objectLock } = mirror;
  const lock =
    objectLock === undefined ? '' : `&lock-days=${objectLock.days}&lock-mode=${objectLock.mode}`;
  return `s3://${bucket}${path}?region=${region}${lock}`;
}

/** The ARN of objects in a mirror; `keys` are relative to its prefix and may end in `*`. */
export function objectArns(place: BucketPlace, keys: readonly string[]): string[] {
  return keys.map((key) => `arn:${Aws.PARTITION}:s3:::${place.bucket}/${place.prefix}${key}`);
}

export function bucketArn(place: BucketPlace): string {
  return `arn:${Aws.PARTITION}:s3:::${place.bucket}`;
}

/** The secret with the keys of a role for a bucket of another provider. */
export function secretName(deployment: Deployment, mirror: string, role: SecretRole): string {
  return `versions/${deployment.name}/${mirror}/${role}`;
}

/** Who has keys of its own for a bucket: `reader` may read, `healer` may also write. */
export type SecretRole = 'reader' | 'healer';

/** A secret's ARN ends in six characters that nobody can know before it is made. */
export function secretArn(stack: Stack, name: string): string {
  return stack.formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${name}-??????`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
