import { Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import cdkJson from '../../cdk/cdk.json' with { type: 'json' };
import { buildApp } from '../../cdk/build-app.ts';
import { deployment as shipped } from '../../cdk/deployment.ts';
import { type CloudResource, resolveTemplate } from '../support/cloud-template.ts';
import { isAllowed, type Rights, rightsOf, statementsIn } from '../support/policy-evaluator.ts';
import { requestsOf, type RecordedCall } from '../support/recorded-call.ts';

const place = { account: '000000000000', region: shipped.region, queues: 'https://sqs' };
const bucket = 'arn:aws:s3:::versions-home-here-000000000000';
const far = 'arn:aws:s3:::versions-home-far-000000000000/a/b';
const table = `arn:aws:dynamodb:${shipped.region}:000000000000:table/versions-home`;
const pack = `${bucket}/packs/ab/abcd`;

let resources: readonly CloudResource[];
beforeAll(() => {
  const context = { ...cdkJson.context, 'aws:cdk:bundling-stacks': [] };
  const built = buildApp(
    {
      ...shipped,
      mirrors: [
        { kind: 's3', name: 'here', objectLock: { mode: 'governance', days: 40 } },
        { kind: 's3', name: 'far', region: 'eu-west-1', prefix: 'a/b' },
        { kind: 'other', name: 'b2', url: 's3://mine?region=x&endpoint=https://b2', price: 'b2' },
      ],
    },
    { context },
  );
  const stacks = [built.data, ...built.buckets, built.verification];
  resources = stacks.flatMap((stack) =>
    resolveTemplate(Template.fromStack(stack).toJSON() as Record<string, unknown>, place),
  );
});

function rights(role: string): Rights {
  const found = resources.find(
    ({ type, id }) => type === 'AWS::IAM::Role' && id.toLowerCase().startsWith(role),
  );
  expect(found).toBeDefined();
  const name = found?.properties['RoleName'];
  return rightsOf(typeof name === 'string' ? name : (found?.id ?? ''), resources);
}
type Context = Record<string, string | readonly string[]>;
const may = (role: string, action: string, resource: string, context: Context = {}): boolean =>
  isAllowed(rights(role), {
    action,
    resource,
    context: { 'aws:securetransport': 'true', 's3:tlsversion': '1.3', ...context },
  });
const rows = (partition: string, ...attributes: string[]): Context => ({
  'dynamodb:leadingkeys': [partition],
  'dynamodb:attributes': ['pk', 'sk', ...attributes],
});
const days = (count: number): Context => ({
  's3:object-lock-remaining-retention-days': String(count),
});

describe('the client', () => {
  it.each([
    ['reads objects', 's3:GetObject', pack, {}],
    ['stores packs', 's3:PutObject', pack, {}],
    ['locks what it stores', 's3:PutObjectRetention', pack, days(40)],
    ['adds a row', 'dynamodb:PutItem', table, rows('entry', 'bytes')],
    ['takes a lease', 'dynamodb:PutItem', table, rows('client-lease', 'holder')],
    ['says what it found', 'dynamodb:BatchWriteItem', table, rows('client-ledger', 'state')],
    ['adds an event', 'dynamodb:PutItem', table, rows('client-event', 'at', 'kind', 'by')],
    ['counts it', 'dynamodb:UpdateItem', table, rows('client-counter', 'count')],
    ['drops a folded payload', 'dynamodb:BatchWriteItem', table, rows('payload')],
  ])('%s', (_what, action, resource, context: Context) => {
    expect(may('roleclient', action, resource, context)).toBe(true);
  });

  it.each([
    ['delete an object', 's3:DeleteObject', pack, {}],
    ['destroy a version', 's3:DeleteObjectVersion', pack, {}],
    ['lock beyond what was deployed', 's3:PutObjectRetention', pack, days(4000)],
    ['shorten a lock', 's3:BypassGovernanceRetention', pack, days(1)],
    ['take a legal hold away', 's3:PutObjectLegalHold', pack, {}],
    ['stop the keeping of versions', 's3:PutBucketVersioning', bucket, {}],
    ['let versions expire', 's3:PutLifecycleConfiguration', bucket, {}],
    ['open the bucket', 's3:PutBucketPolicy', bucket, {}],
    ['set aside copies', 's3:PutObject', `${bucket}/quarantine/packs/ab/abcd/1`, {}],
    ['write beside the mirror', 's3:PutObject', `${far.slice(0, -4)}/else`, {}],
    ['say that a copy is good', 'dynamodb:UpdateItem', table, rows('ledger', 'state')],
    ['say so in a batch', 'dynamodb:BatchWriteItem', table, rows('ledger', 'bytes', 'state')],
    ['put off verification', 'dynamodb:UpdateItem', table, rows('ledger', 'nextDue', 'dueAt')],
    ['say that objects are gone', 'dynamodb:PutItem', table, rows('ledger', 'life')],
    ['forget a copy', 'dynamodb:DeleteItem', table, rows('ledger')],
    ['take the lease of a healer', 'dynamodb:PutItem', table, rows('lease', 'holder')],
    ['say that people were told', 'dynamodb:PutItem', table, rows('event', 'kind')],
    ['count the events of others', 'dynamodb:UpdateItem', table, rows('counter', 'count')],
    ['stand in the line', 'dynamodb:PutItem', table, rows('client-ledger', 'dueIn', 'dueAt')],
    ['do so with a row', 'dynamodb:PutItem', table, rows('entry', 'hash', 'dueIn')],
    [
      'mix its own with what is not',
      'dynamodb:BatchWriteItem',
      table,
      { ...rows('client-ledger'), 'dynamodb:leadingkeys': ['client-ledger', 'ledger'] },
    ],
    ['delete a row', 'dynamodb:DeleteItem', table, rows('entry')],
    ['delete an event', 'dynamodb:DeleteItem', table, rows('event')],
    ['read all by a scan', 'dynamodb:Scan', table, {}],
    ['delete the table', 'dynamodb:DeleteTable', table, {}],
    ['switch its protection off', 'dynamodb:UpdateTable', table, {}],
    ['read a secret', 'secretsmanager:GetSecretValue', secretOf('reader'), {}],
  ])('cannot %s', (_what, action, resource, context: Context) => {
    expect(may('roleclient', action, resource, context)).toBe(false);
  });

  it('that overwrites an object only adds a version, in every bucket that is made', () => {
    const buckets = resources.filter(({ type }) => type === 'AWS::S3::Bucket');
    expect(buckets).toHaveLength(2);
    for (const { properties } of buckets) {
      expect(properties['VersioningConfiguration']).toEqual({ Status: 'Enabled' });
    }
  });

  it('speaks TLS or not at all', () => {
    expect(may('roleclient', 's3:GetObject', pack, { 'aws:securetransport': 'false' })).toBe(false);
    expect(may('roleclient', 's3:GetObject', pack, { 's3:tlsversion': '1.1' })).toBe(false);
  });
});

function secretOf(role: string): string {
  return `arn:aws:secretsmanager:${shipped.region}:000000000000:secret:versions/home/b2/${role}-AbCdEf`;
}

describe('a verifier', () => {
  it('reads its mirror, makes its locks longer and writes no object', () => {
    expect(may('verifierhere', 's3:GetObject', pack)).toBe(true);
    expect(may('verifierhere', 's3:PutObjectRetention', pack, days(40))).toBe(true);
    expect(may('verifierhere', 's3:PutObjectRetention', pack, days(41))).toBe(false);
    expect(may('verifierhere', 's3:PutObject', pack)).toBe(false);
    expect(may('verifierhere', 's3:GetObject', `${far}/packs/ab/abcd`)).toBe(false);
    expect(may('verifierfar', 's3:PutObjectRetention', `${far}/packs/ab/abcd`, days(1))).toBe(
      false,
    );
  });

  it('says what it saw, and writes no row', () => {
    const seen = rows('ledger', 'state', 'lastVerified');
    expect(may('verifierhere', 'dynamodb:UpdateItem', table, seen)).toBe(true);
    expect(may('verifierhere', 'dynamodb:PutItem', table, rows('entry', 'bytes'))).toBe(false);
    expect(may('verifierhere', 'dynamodb:DeleteItem', table, rows('ledger'))).toBe(false);
    for (const partition of ['meta', 'payload', 'client-ledger', 'client-event'])
      expect(may('verifierhere', 'dynamodb:PutItem', table, rows(partition))).toBe(false);
  });

  it('leaves it to the planner alone to take over what clients said', () => {
    const take = ['dynamodb:DeleteItem', table, rows('client-ledger', 'state')] as const;
    for (const role of ['planner', 'verifierhere', 'healerhere', 'reporter', 'rolerestore'])
      expect([role, may(role, ...take)]).toEqual([role, role === 'planner']);
    expect(may('planner', 'dynamodb:DeleteItem', table, rows('ledger'))).toBe(false);
  });

  it('is not told by the client what is condemned, but by whoever prunes', () => {
    const sweep = ['dynamodb:PutItem', table, rows('ledger', 'life')] as const;
    expect(may('roleprune', ...sweep)).toBe(true);
    expect(may('rolerestore', ...sweep)).toBe(false);
    expect(may('roleprune', 'dynamodb:DeleteItem', table, rows('entry'))).toBe(false);
  });
});

describe('a healer', () => {
  it('reads every mirror, writes to its own alone, also across regions, and deletes nothing', () => {
    expect(may('healerfar', 's3:GetObject', pack)).toBe(true);
    expect(may('healerfar', 's3:PutObject', `${far}/packs/ab/abcd`)).toBe(true);
    expect(may('healerfar', 's3:PutObject', `${far}/quarantine/packs/ab/abcd/1`)).toBe(true);
    expect(may('healerfar', 's3:PutObject', pack)).toBe(false);
    for (const action of ['s3:DeleteObject', 's3:DeleteObjectVersion'])
      expect(may('healerfar', action, `${far}/packs/ab/abcd`)).toBe(false);
  });

  it('alone can ask for the keys that write to its mirror', () => {
    const ask = 'secretsmanager:GetSecretValue';
    expect(may('healerb2', ask, secretOf('healer'))).toBe(true);
    for (const other of ['healerhere', 'verifierb2', 'planner', 'reporter', 'roleprune'])
      expect([other, may(other, ask, secretOf('healer'))]).toEqual([other, false]);
    expect(may('verifierb2', ask, secretOf('reader'))).toBe(true);
  });
});

describe('the evaluator', () => {
  const rightsFor = (...statements: object[]): Rights => ({
    identity: statementsIn({ Statement: statements }),
    denials: [],
  });
  const ask = { action: 's3:GetObject', resource: 'arn:aws:s3:::b/k', context: {} };
  const all = { Effect: 'Allow', Action: 's3:*', Resource: '*' };

  it('lets a denial win, and refuses what nothing allows', () => {
    expect(isAllowed(rightsFor(all), ask)).toBe(true);
    expect(isAllowed(rightsFor(), ask)).toBe(false);
    expect(isAllowed(rightsFor(all, { ...all, Effect: 'Deny' }), ask)).toBe(false);
    const unless = { ...all, Effect: 'Deny', Condition: { Null: { 's3:if-none-match': 'true' } } };
    expect(isAllowed(rightsFor(all, unless), ask)).toBe(false);
    const context = { 's3:if-none-match': '*' };
    expect(isAllowed(rightsFor(all, unless), { ...ask, context })).toBe(true);
  });

  it('passes nothing that it does not understand', () => {
    const strange = { ...all, Condition: { DateLessThan: { 'aws:currenttime': 'x' } } };
    expect(() => isAllowed(rightsFor(strange), ask)).toThrow(/DateLessThan/);
    expect(() => rightsFor({ ...all, NotAction: 's3:*' })).toThrow(/NotAction/);
    const call = { who: '', at: '', path: '/b/k?acl', headers: {}, body: '' };
    expect(() => requestsOf({ ...call, method: 'POST' }, place)).toThrow(/POST/);
  });

  it('finds partitions and attributes in calls of a table', () => {
    const update: RecordedCall = {
      who: 'client',
      method: 'POST',
      at: '',
      path: '/',
      headers: { 'x-amz-target': 'DynamoDB_20120810.UpdateItem' },
      body: JSON.stringify({
        TableName: 'versions-home',
        Key: { pk: { S: 'ledger' }, sk: { S: 'x' } },
        UpdateExpression: 'SET #state = :state, dueAt = if_not_exists(dueAt, :since) REMOVE dueIn',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeNames: { '#state': 'state' },
      }),
    };
    const [request] = requestsOf(update, place);
    expect(request?.resource).toBe(table);
    expect(request?.context['dynamodb:leadingkeys']).toEqual(['ledger']);
    expect(request?.context['dynamodb:attributes']).toEqual([
      'pk',
      'sk',
      'state',
      'dueAt',
      'dueIn',
    ]);
  });
});
