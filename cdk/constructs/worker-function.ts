import { fileURLToPath } from 'node:url';
import { type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type IFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from './acknowledge-wildcards.ts';

export interface WorkerFunctionProps {
  readonly functionName: string;
  /** Folder in `src/lambdas`. */
  readonly worker: 'planner' | 'verifier' | 'healer' | 'reporter';
  readonly memoryMb: number;
  readonly timeout: Duration;
  readonly environment: Readonly<Record<string, string>>;
  /** All that it may do, beside writing its log. */
  readonly statements: readonly PolicyStatement[];
  /** How many may run at once; unlimited if not given. */
  readonly concurrencyMax?: number;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

/** One function with a role, a log and rights of its own; nothing is granted to it elsewhere. */
export class WorkerFunction extends Construct {
  readonly function: IFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WorkerFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/lambda/${props.functionName}`,
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `What the ${props.worker} of Versions may do`,
    });
    const { partition, region, account } = Stack.of(this);
    const logArn = `arn:${partition}:logs:${region}:${account}:log-group:/aws/lambda/${props.functionName}`;
    const writeLog = new PolicyStatement({
      sid: 'WriteLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [`${logArn}:log-stream:*`],
    });
    const statements = [writeLog, ...props.statements];
    for (const statement of statements) this.role.addToPolicy(statement);
    acknowledgeWildcards(this.role, statements);
    this.function = new NodejsFunction(this, 'Function', {
      functionName: props.functionName,
      entry: `${root}src/lambdas/${props.worker}/handler.ts`,
      handler: 'handler',
      projectRoot: root,
      depsLockFilePath: `${root}package-lock.json`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: props.memoryMb,
      timeout: props.timeout,
      environment: { ...props.environment },
      role: this.role.withoutPolicyUpdates(),
      logGroup,
      ...(props.concurrencyMax === undefined
        ? {}
        : { reservedConcurrentExecutions: props.concurrencyMax }),
      bundling: {
        format: OutputFormat.ESM,
        target: 'node24',
        minify: true,
        // A map of everything would be nine tenths of the bundle; names of functions are enough.
        keepNames: true,
        // Of the two forms of a package, the one from which what is not used can be left out.
        mainFields: ['module', 'main'],
        // The runtime brings an SDK, but of a version that nobody has tested with this program and
        // that changes without notice: what reads and writes the mirrors is pinned like the rest.
        bundleAwsSDK: true,
        // Optional native code, which no worker needs.
        externalModules: ['koffi'],
        banner:
          "import { createRequire as versionsCreateRequire } from 'node:module'; const require = versionsCreateRequire(import.meta.url);",
      },
    });
  }
}
