import type { AccessRequest } from './policy-evaluator.ts';

/** A request over HTTP, as `record-calls.ts` writes it. */
export interface RecordedCall {
  readonly who: string;
  readonly method: string;
  /** Host and port. */
  readonly at: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

export interface CallPlace {
  readonly account: string;
  readonly region: string;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * What policies are asked when a call comes in. Throws for a call that it does not know, so that none
 * is taken for allowed by mistake. Undefined for calls that no policy of the caller is about.
 */
export function requestsOf(call: RecordedCall, place: CallPlace): readonly AccessRequest[] {
  const target = call.headers['x-amz-target'];
  if (typeof target === 'string') return targeted(target, fields(JSON.parse(call.body)), place);
  const form = new URLSearchParams(call.body);
  const action = form.get('Action');
  if (action === 'Publish') {
    return [{ action: 'sns:Publish', resource: form.get('TopicArn') ?? '', context: secure }];
  }
  // Taking a role on is for the account to allow, with the role's own trust policy.
  if (action === 'AssumeRole' || action === 'GetCallerIdentity') return [];
  if (action !== null) throw new Error(`Not understood: ${action}`);
  return objectRequests(call);
}

const secure = { 'aws:securetransport': 'true' };

function targeted(target: string, input: Fields, place: CallPlace): readonly AccessRequest[] {
  const [service = '', operation = ''] = target.split('.');
  const { account, region } = place;
  if (service === 'AmazonSQS') {
    const name = textOf(input['QueueUrl']).split('/').at(-1);
    const resource = `arn:aws:sqs:${region}:${account}:${name}`;
    return [{ action: `sqs:${operation}`, resource, context: secure }];
  }
  if (service === 'secretsmanager') {
    const resource = `arn:aws:secretsmanager:${region}:${account}:secret:${textOf(input['SecretId'])}-AbCdEf`;
    return [{ action: `secretsmanager:${operation}`, resource, context: secure }];
  }
  if (!service.startsWith('DynamoDB_')) throw new Error(`Not understood: ${target}`);
  const tables = fields(input['RequestItems']);
  const requests =
    Object.keys(tables).length === 0 ? { [textOf(input['TableName'])]: input } : tables;
  return Object.entries(requests).map(([name, request]): AccessRequest => {
    const table = `arn:aws:dynamodb:${region}:${account}:table/${name}`;
    const index = input['IndexName'];
    return {
      action: `dynamodb:${operation}`,
      resource: typeof index === 'string' ? `${table}/index/${index}` : table,
      context: { ...secure, ...itemContext(operation, request) },
    };
  });
}

/** The partitions and the attributes that a call is about. */
function itemContext(operation: string, request: unknown): Record<string, readonly string[]> {
  const input = fields(request);
  switch (operation) {
    case 'PutItem': {
      const item = fields(input['Item']);
      return contextOf([item], [...Object.keys(item), ...inExpressions(input)]);
    }
    case 'UpdateItem':
    case 'DeleteItem':
    case 'GetItem': {
      const key = fields(input['Key']);
      return contextOf([key], [...Object.keys(key), ...inExpressions(input)]);
    }
    case 'BatchGetItem': {
      const keys = list(input['Keys']).map(fields);
      return contextOf(keys, keys.flatMap(Object.keys));
    }
    case 'BatchWriteItem': {
      const items = list(request).map((each) => {
        const { PutRequest: put, DeleteRequest: drop } = fields(each);
        return put === undefined ? fields(fields(drop)['Key']) : fields(fields(put)['Item']);
      });
      return contextOf(items, items.flatMap(Object.keys));
    }
    case 'Query': {
      const values = fields(input['ExpressionAttributeValues']);
      const own = /\bpk = (:\w+)/.exec(textOf(input['KeyConditionExpression']))?.[1];
      const key = own === undefined ? [] : [{ pk: values[own] }];
      return contextOf(key, inExpressions(input));
    }
    case 'DescribeTable':
      return {};
    default:
      throw new Error(`Not understood: ${operation}`);
  }
}

function contextOf(
  keys: readonly Fields[],
  attributes: readonly string[],
): Record<string, readonly string[]> {
  const partitions = keys.map(({ pk }) => textOf(fields(pk)['S']));
  return {
    'dynamodb:leadingkeys': [...new Set(partitions)],
    'dynamodb:attributes': [...new Set(attributes)],
  };
}

const words = new Set(['SET', 'REMOVE', 'ADD', 'AND', 'OR', 'NOT', 'BETWEEN', 'pk', 'sk']);

/** Attributes that the expressions of a call name. */
function inExpressions(input: Fields): readonly string[] {
  const names = fields(input['ExpressionAttributeNames']);
  const text = [
    'UpdateExpression',
    'ConditionExpression',
    'ProjectionExpression',
    'FilterExpression',
  ]
    .map((name) => textOf(input[name]))
    .join(' ');
  return [...text.matchAll(/(?<![:\w#])(#?[A-Za-z_]\w*)(?!\s*\(|\w)/g)]
    .map(([, name = '']) => (name.startsWith('#') ? textOf(names[name]) : name))
    .filter((name) => !words.has(name));
}

const versioned = (action: string, query: URLSearchParams): string =>
  query.has('versionId') ? `${action}Version` : action;

function objectRequests({ method, path, headers }: RecordedCall): readonly AccessRequest[] {
  const url = new URL(path, 'https://s3');
  const [, bucket = '', ...rest] = decodeURIComponent(url.pathname).split('/');
  const key = rest.join('/');
  const query = url.searchParams;
  const context: Record<string, string> = { ...secure };
  for (const name of ['if-none-match', 'if-match']) {
    const value = headers[name];
    if (typeof value === 'string') context[`s3:${name}`] = value;
  }
  const prefix = query.get('prefix');
  if (prefix !== null) context['s3:prefix'] = prefix;
  const until = headers['x-amz-object-lock-retain-until-date'];
  if (typeof until === 'string') {
    const days = Math.round((Date.parse(until) - Date.now()) / 86_400_000);
    context['s3:object-lock-remaining-retention-days'] = String(days);
  }
  const resource = `arn:aws:s3:::${key === '' ? bucket : `${bucket}/${key}`}`;
  return s3Actions(method, key === '', query, headers).map((action) => ({
    action: `s3:${action}`,
    resource,
    context,
  }));
}

function s3Actions(
  method: string,
  isBucket: boolean,
  query: URLSearchParams,
  headers: Fields,
): readonly string[] {
  if (isBucket) {
    if (query.has('versions')) return ['ListBucketVersions'];
    if (query.has('versioning')) return [`${method === 'PUT' ? 'Put' : 'Get'}BucketVersioning`];
    if (query.has('object-lock')) return ['GetBucketObjectLockConfiguration'];
    if (query.has('lifecycle') && method === 'PUT') return ['PutLifecycleConfiguration'];
    if ((method === 'GET' && query.has('list-type')) || method === 'HEAD') return ['ListBucket'];
  } else if (query.has('retention')) {
    return method === 'PUT' ? ['PutObjectRetention'] : ['GetObjectRetention'];
  } else if (method === 'GET' || method === 'HEAD') return [versioned('GetObject', query)];
  else if (method === 'DELETE') return [versioned('DeleteObject', query)];
  else if (method === 'PUT' && !query.has('uploadId')) {
    const isLocked = headers['x-amz-object-lock-retain-until-date'] !== undefined;
    return isLocked ? ['PutObject', 'PutObjectRetention'] : ['PutObject'];
  }
  throw new Error(`Not understood: ${method} ${query.toString()}`);
}

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
