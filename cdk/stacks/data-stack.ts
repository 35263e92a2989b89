import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { catalogTable } from '../constructs/catalog-table.ts';
import { addClientRoles } from '../constructs/client-roles.ts';
import { addProviderSecrets } from '../constructs/provider-secrets.ts';
import type { Deployment, S3MirrorDeployment } from '../deployment-type.ts';
import { urlOf } from '../mirror-place.ts';
import { addBuckets } from './bucket-stack.ts';

/** What must outlive everything else: buckets, table, and the roles of those who use them. */
export class DataStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    props: StackProps & {
      readonly deployment: Deployment;
      readonly mirrors: readonly S3MirrorDeployment[];
    },
  ) {
    super(scope, id, { ...props, terminationProtection: true });
    const { deployment, mirrors } = props;
    addBuckets(this, deployment, mirrors);
    const tableName = tableNameOf(deployment);
    if (deployment.table === undefined) catalogTable(this, tableName);
    addProviderSecrets(this, deployment);
    const roles = addClientRoles(this, deployment, tableName);
    new CfnOutput(this, 'Repository', {
      description: 'Read by versions init --from-cdk-outputs',
      value: this.toJsonString({
        name: deployment.name,
        catalog: catalogUrlOf(deployment),
        mirrors: deployment.mirrors.map((mirror) => ({
          name: mirror.name,
          url: urlOf(deployment, mirror),
        })),
      }),
    });
    new CfnOutput(this, 'ClientRole', { value: roles.client.roleArn });
    new CfnOutput(this, 'RestoreRole', { value: roles.restore.roleArn });
    new CfnOutput(this, 'PruneRole', { value: roles.prune.roleArn });
  }
}

export function tableNameOf(deployment: Deployment): string {
  return deployment.table ?? `versions-${deployment.name}`;
}

/** What `versions init --catalog` would be given. */
export function catalogUrlOf(deployment: Deployment): string {
  return `dynamodb://${tableNameOf(deployment)}?region=${deployment.region}`;
}
