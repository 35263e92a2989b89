import { App, type AppProps, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { checkDeployment } from './check-deployment.ts';
import type { Deployment, S3MirrorDeployment } from './deployment-type.ts';
import { AlarmStack } from './stacks/alarm-stack.ts';
import { BucketStack } from './stacks/bucket-stack.ts';
import { DataStack } from './stacks/data-stack.ts';
import { VerificationStack } from './stacks/verification-stack.ts';

/** The stacks of one deployment, by what they are for. */
export interface BuiltApp {
  readonly app: App;
  readonly data: DataStack;
  readonly buckets: readonly BucketStack[];
  readonly verification: VerificationStack;
  readonly alarms: AlarmStack;
}

/** Makes the stacks of a deployment, with the checks of cdk-nag around them. */
export function buildApp(
  deployment: Deployment,
  options: AppProps & { readonly account?: string | undefined } = {},
): BuiltApp {
  checkDeployment(deployment);
  const { account, ...appProps } = options;
  const app = new App(appProps);
  const { name, region } = deployment;
  const envOf = (inRegion: string): { region: string; account?: string } => ({
    region: inRegion,
    ...(account === undefined ? {} : { account }),
  });
  const own = deployment.mirrors.filter((mirror) => mirror.kind === 's3');
  const data = new DataStack(app, `versions-${name}-data`, {
    env: envOf(region),
    description: 'Versions: buckets and catalog',
    deployment,
    mirrors: own.filter((mirror) => (mirror.region ?? region) === region),
  });
  const buckets = otherRegions(own, region).map(
    (other) =>
      new BucketStack(app, `versions-${name}-data-${other}`, {
        env: envOf(other),
        description: `Versions: buckets in ${other}`,
        deployment,
        mirrors: own.filter((mirror) => mirror.region === other),
      }),
  );
  const verification = new VerificationStack(app, `versions-${name}-verification`, {
    env: envOf(region),
    description: 'Versions: scheduled verification and healing',
    deployment,
  });
  for (const stack of [data, ...buckets]) verification.addStackDependency(stack);
  const alarms = new AlarmStack(app, `versions-${name}-alarms`, {
    env: envOf(region),
    description: 'Versions: alarms and dashboard',
    deployment,
    verification,
  });
  Tags.of(app).add('versions', name);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { app, data, buckets, verification, alarms };
}

/** Regions that get a stack of their own, because a bucket is made there. */
function otherRegions(mirrors: readonly S3MirrorDeployment[], home: string): readonly string[] {
  const made = mirrors.filter((mirror) => mirror.bucket === undefined);
  const regions = new Set(made.map((mirror) => mirror.region ?? home));
  return [...regions].filter((region) => region !== home).toSorted();
}
