import { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BuiltApp, buildApp } from '../../cdk/build-app.ts';
import { deployment as shipped } from '../../cdk/deployment.ts';
import type { Deployment } from '../../cdk/deployment-type.ts';
import { partitions, tableDefinition } from '../../src/core/catalog/dynamo-schema.ts';
import cdkJson from '../../cdk/cdk.json' with { type: 'json' };

const deployment: Deployment = {
  ...shipped,
  mirrors: [
    { kind: 's3', name: 'here', objectLock: { mode: 'governance', days: 40 } },
    { kind: 's3', name: 'far', region: 'eu-west-1', prefix: 'a/b' },
    { kind: 's3', name: 'old', bucket: 'was-there-before' },
    { kind: 'other', name: 'b2', url: 's3://mine?region=x&endpoint=https://b2', price: 'b2' },
  ],
  notification: { email: 'ann@example.org', silentAfterHours: 24 },
};
// Bundling is left to the synthesis of the suites: here it would only cost time.
const context = { ...cdkJson.context, 'aws:cdk:bundling-stacks': [] };
const build = (of: Deployment): BuiltApp => buildApp(of, { context });

type Json = Record<string, unknown>;
interface Resource {
  readonly Type: string;
  readonly Properties: Json;
  readonly DeletionPolicy?: string;
}
interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Json;
}
const list = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

let built: BuiltApp;
let templates: Template[];
const resources = (type: string): [string, Resource][] =>
  templates.flatMap(
    (template) => Object.entries(template.findResources(type)) as [string, Resource][],
  );
/** Statements of the roles whose logical id begins so, as text with names of references. */
const statementsOf = (role: string): Statement[] =>
  resources('AWS::IAM::Policy')
    .filter(([id]) => id.startsWith(role))
    .flatMap(
      ([, { Properties }]) =>
        (Properties['PolicyDocument'] as { Statement: Statement[] }).Statement,
    );
const allowing = (role: string, action: string): Statement[] =>
  statementsOf(role).filter(
    ({ Effect, Action }) => Effect === 'Allow' && list(Action).includes(action),
  );

beforeAll(() => {
  built = build(deployment);
  templates = [built.data, ...built.buckets, built.verification, built.alarms].map((stack) =>
    Template.fromStack(stack),
  );
});

describe('what is deployed', () => {
  it('passes cdk-nag, also as it is shipped', () => {
    expect(() => built.app.synth()).not.toThrow();
    expect(() => build(shipped).app.synth()).not.toThrow();
  });

  it('keeps what is stored when a stack goes', () => {
    const kept = ['AWS::S3::Bucket', 'AWS::DynamoDB::GlobalTable', 'AWS::SecretsManager::Secret'];
    for (const type of kept) {
      expect(resources(type).length).toBeGreaterThan(0);
      for (const [, resource] of resources(type)) expect(resource.DeletionPolicy).toBe('Retain');
    }
    expect(built.data.terminationProtection).toBe(true);
    for (const { terminationProtection } of built.buckets) expect(terminationProtection).toBe(true);
  });

  it('makes buckets that keep old versions, speak TLS only and are private', () => {
    const buckets = resources('AWS::S3::Bucket');
    expect(buckets).toHaveLength(2);
    for (const [, { Properties }] of buckets) {
      expect(Properties['VersioningConfiguration']).toEqual({ Status: 'Enabled' });
      expect(Properties['PublicAccessBlockConfiguration']).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(JSON.stringify(Properties['LifecycleConfiguration'])).toContain(
        'AbortIncompleteMultipartUpload',
      );
    }
    const policies = JSON.stringify(resources('AWS::S3::BucketPolicy'));
    expect(policies.match(/aws:SecureTransport/g)).toHaveLength(2);
    expect(policies.match(/s3:TlsVersion/g)).toHaveLength(2);
    const locked = buckets.filter(([, { Properties }]) => Properties['ObjectLockEnabled'] === true);
    expect(JSON.stringify(locked)).toContain('"Mode":"GOVERNANCE"');
    expect(locked).toHaveLength(1);
  });

  it('makes a table that can be restored and not be deleted by mistake', () => {
    const [table] = resources('AWS::DynamoDB::GlobalTable');
    const text = JSON.stringify(table);
    const { KeySchema, GlobalSecondaryIndexes, AttributeDefinitions } = tableDefinition('any');
    const properties = table?.[1].Properties;
    expect(properties).toMatchObject({ KeySchema, GlobalSecondaryIndexes, AttributeDefinitions });
    expect(properties?.['TimeToLiveSpecification']).toMatchObject({ AttributeName: 'dropAt' });
    expect(text).toContain('"BillingMode":"PAY_PER_REQUEST"');
    expect(text).toContain('"DeletionProtectionEnabled":true');
    expect(text).toContain('"PointInTimeRecoveryEnabled":true');
  });

  it('runs every function on Node.js 24 and arm64, with a log that ends', () => {
    const functions = resources('AWS::Lambda::Function');
    // A planner, a reporter, and for each mirror a verifier and a healer.
    expect(functions).toHaveLength(2 + 2 * deployment.mirrors.length);
    for (const [, { Properties }] of functions) {
      expect(Properties['Runtime']).toBe('nodejs24.x');
      expect(Properties['Architectures']).toEqual(['arm64']);
    }
    expect(resources('AWS::Logs::LogGroup')).toHaveLength(functions.length);
    for (const [, { Properties }] of resources('AWS::Logs::LogGroup')) {
      expect(Properties['RetentionInDays']).toBe(90);
    }
  });

  it('gives each mirror queues of its own, with dead letters and time to finish', () => {
    const queues = resources('AWS::SQS::Queue');
    const work = queues.filter(([, { Properties }]) => 'RedrivePolicy' in Properties);
    expect(work).toHaveLength(2 * deployment.mirrors.length);
    const mappings = resources('AWS::Lambda::EventSourceMapping');
    expect(mappings).toHaveLength(work.length);
    for (const [, { Properties }] of mappings) {
      expect(Properties['FunctionResponseTypes']).toEqual(['ReportBatchItemFailures']);
      expect(Properties['BatchSize']).toBe(1);
      expect(Properties['ScalingConfig']).toBeDefined();
    }
    for (const [id, { Properties }] of work) {
      const mapping = mappings.find(([, each]) =>
        JSON.stringify(each.Properties['EventSourceArn']).includes(id),
      );
      const name = JSON.stringify(mapping?.[1].Properties['FunctionName']);
      const [, lambda] =
        resources('AWS::Lambda::Function').find(([fid]) => name.includes(fid)) ?? [];
      expect(Properties['VisibilityTimeout']).toBe(6 * Number(lambda?.Properties['Timeout']));
    }
  });

  it('tells the client everything in one output', () => {
    const [output] = Object.values(Template.fromStack(built.data).findOutputs('Repository'));
    const text = JSON.stringify(output);
    for (const part of [
      'dynamodb://versions-home',
      'was-there-before',
      'a/b',
      'endpoint=https://b2',
    ])
      expect(text).toContain(part);
  });
});

describe('who may do what', () => {
  it('has no statement with a wildcard as action, or for every resource', () => {
    const all = statementsOf('');
    expect(all.length).toBeGreaterThan(30);
    for (const { Action, Resource: resource } of all) {
      for (const action of list(Action)) expect(action).not.toContain('*');
      expect(list(resource)).not.toContain('*');
    }
    expect(
      resources('AWS::IAM::Role').filter(([, { Properties }]) => 'ManagedPolicyArns' in Properties),
    ).toEqual([]);
  });

  it('lets nobody but prune delete, and nobody shorten a lock or destroy a version', () => {
    const deleting = resources('AWS::IAM::Policy').filter(([, resource]) =>
      JSON.stringify(resource).includes('s3:DeleteObject'),
    );
    expect(deleting.map(([id]) => id)).toEqual([expect.stringMatching(/^Roleprune/)]);
    const everything = JSON.stringify(templates.map((template) => template.toJSON()));
    for (const action of [
      'DeleteObjectVersion',
      'BypassGovernance',
      'dynamodb:Scan',
      's3:PutBucket',
      's3:PutLifecycle',
    ])
      expect([action, everything.includes(action)]).toEqual([action, false]);
    const prune = resources('AWS::IAM::Role').find(([id]) => id.startsWith('Roleprune'));
    expect(JSON.stringify(prune)).toContain('aws:MultiFactorAuthPresent');
  });

  it('lets nobody delete a row of the journal, and no function write one', () => {
    const condition = 'ForAllValues:StringEquals';
    const partitionsOf = (role: string, action: string): unknown[] =>
      allowing(role, action).map(({ Condition }) => Condition?.[condition]);
    const own = ['payload', 'client-ledger'];
    const deletable = { Roleclient: own, Roleprune: [...own, 'ledger', 'client-ledger'] };
    for (const action of ['dynamodb:DeleteItem', 'dynamodb:BatchWriteItem'])
      for (const [role, names] of Object.entries(deletable))
        expect(
          partitionsOf(role, action).flatMap((each) => (each as Json)['dynamodb:LeadingKeys']),
        ).toEqual(names);
    for (const worker of ['Planner', 'Verifier', 'Healer', 'Reporter']) {
      expect(partitionsOf(worker, 'dynamodb:DeleteItem')).toEqual(
        worker === 'Planner' ? [{ 'dynamodb:LeadingKeys': ['client-ledger'] }] : [],
      );
      for (const action of ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:BatchWriteItem']) {
        const found = partitionsOf(worker, action);
        expect(found.length).toBeGreaterThan(0);
        const { ledger, leases, events, counters } = partitions;
        for (const each of found)
          expect(each).toEqual({ 'dynamodb:LeadingKeys': [ledger, leases, events, counters] });
      }
    }
    for (const action of ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'])
      expect(allowing('Rolerestore', `dynamodb:${action}`)).toEqual([]);
  });

  it('lets planner, verifier and reporter write no object', () => {
    for (const role of ['Planner', 'Verifier', 'Reporter']) {
      expect(statementsOf(role).length).toBeGreaterThan(0);
      expect(allowing(role, 's3:PutObject')).toEqual([]);
    }
    for (const role of ['Planner', 'Reporter']) {
      for (const { Resource: resource } of allowing(role, 's3:GetObject'))
        expect(JSON.stringify(resource)).not.toMatch(/\/(packs|keys|\*)/);
    }
  });

  it('lets a verifier read its own mirror only, and a healer write to its own only', () => {
    const read = JSON.stringify(allowing('Verifierfar', 's3:GetObject'));
    expect(read).toContain('versions-home-far-');
    for (const other of ['versions-home-here-', 'was-there-before'])
      expect(read).not.toContain(other);
    const written = JSON.stringify(allowing('Healerfar', 's3:PutObject'));
    expect(written).toContain('versions-home-far-');
    for (const other of ['versions-home-here-', 'was-there-before'])
      expect(written).not.toContain(other);
    expect(JSON.stringify(allowing('Healerfar', 's3:GetObject'))).toContain('was-there-before');
    expect(allowing('Healerb2', 's3:PutObject')).toEqual([]);
  });

  it('gives keys that can write to another provider to that healer alone', () => {
    for (const [id] of resources('AWS::IAM::Policy')) {
      const secrets = JSON.stringify(allowing(id, 'secretsmanager:GetSecretValue'));
      expect(secrets.includes('b2/healer')).toBe(id.startsWith('Healerb2'));
    }
  });
});

describe('a deployment that cannot work', () => {
  const [mirror] = shipped.mirrors;
  it.each([
    ['a bad name', { name: 'Home!' }, /name "Home!"/],
    ['no mirror', { mirrors: [] }, /1 to 8 mirrors/],
    ['two mirrors with one name', { mirrors: [mirror!, mirror!] }, /one name/],
    [
      'keys in a URL',
      { mirrors: [{ kind: 'other', name: 'abc', url: 's3://k:s@b', price: 'b2' }] },
      /keys/,
    ],
    ['no region', { region: 'Frankfurt' }, /region "Frankfurt"/],
    [
      'a lock on a bucket that exists',
      {
        mirrors: [
          { kind: 's3', name: 'abc', bucket: 'there', objectLock: { mode: 'compliance', days: 1 } },
        ],
      },
      /"there" exists/,
    ],
    [
      'a lock that ends before it is renewed',
      {
        mirrors: [{ kind: 's3', name: 'abc', objectLock: { mode: 'compliance', days: 30 } }],
      },
      /longer than maxAgeDays/,
    ],
    [
      'an empty budget',
      { verification: { ...shipped.verification, bytesPerRunMax: 0 } },
      /bytesPerRunMax/,
    ],
    [
      'too many runs',
      { verification: { ...shipped.verification, everyMinutes: 0.5 } },
      /everyMinutes/,
    ],
  ] as [string, Partial<Deployment>, RegExp][])(
    'is refused before anything is made: %s',
    (_what, change, message) => {
      expect(() => build({ ...shipped, ...change })).toThrow(message);
    },
  );
});
