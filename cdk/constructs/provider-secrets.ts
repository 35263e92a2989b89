import { RemovalPolicy } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment-type.ts';
import { secretName, type SecretRole } from '../mirror-place.ts';
import { acknowledge } from './acknowledge.ts';

const roles: readonly SecretRole[] = ['reader', 'healer'];

/** For each bucket of another provider, two secrets that wait for the keys that you make there. */
export function addProviderSecrets(scope: Construct, deployment: Deployment): void {
  for (const mirror of deployment.mirrors) {
    if (mirror.kind !== 'other') continue;
    for (const role of roles) {
      const secret = new Secret(scope, `Secret-${mirror.name}-${role}`, {
        secretName: secretName(deployment, mirror.name, role),
        description: `Keys with which the ${role} of Versions reaches mirror ${mirror.name}`,
        // A place to fill in: what is made here opens nothing.
        generateSecretString: {
          secretStringTemplate: JSON.stringify({ accessKeyId: '' }),
          generateStringKey: 'secretAccessKey',
        },
        removalPolicy: RemovalPolicy.RETAIN,
      });
      acknowledge(
        secret,
        'AwsSolutions-SMG4',
        'The keys belong to another provider, where AWS cannot rotate them; docs/deploy.md tells how to replace them.',
      );
    }
  }
}
