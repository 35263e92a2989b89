type Json = Readonly<Record<string, unknown>>;

/** One resource of a template. */
export interface CloudResource {
  readonly id: string;
  readonly type: string;
  readonly properties: Json;
}

/** What cannot be read out of a template. */
export interface CloudPlace {
  readonly account: string;
  readonly region: string;
  /** Address of the queues. */
  readonly queues: string;
}

/** The property that holds the name which a resource was given. */
const nameProperties: Readonly<Record<string, string>> = {
  'AWS::SQS::Queue': 'QueueName',
  'AWS::SNS::Topic': 'TopicName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::S3::Bucket': 'BucketName',
};

/**
 * The resources of a template with all references put in, as they would be once deployed. Resources
 * that got no name are called by their logical id.
 */
export function resolveTemplate(template: Json, place: CloudPlace): readonly CloudResource[] {
  const resources = record(template['Resources']);
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolve);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [kind, inner] = entries[0] ?? [];
    if (entries.length === 1 && kind === 'Ref') return refTo(textOf(inner));
    if (entries.length === 1 && kind === 'Fn::GetAtt') return arnOf(textOf(list(inner)[0]));
    if (entries.length === 1 && kind === 'Fn::Join') {
      const [separator, parts] = list(inner);
      return list(resolve(parts)).join(textOf(separator));
    }
    return Object.fromEntries(entries.map(([name, each]) => [name, resolve(each)]));
  };
  const refTo = (id: string): string => {
    if (id === 'AWS::Partition') return 'aws';
    if (id === 'AWS::AccountId') return place.account;
    if (id === 'AWS::Region') return place.region;
    const type = record(resources[id])['Type'];
    if (type === 'AWS::SQS::Queue') return `${place.queues}/${place.account}/${nameOf(id)}`;
    return type === 'AWS::SNS::Topic' ? arnOf(id) : nameOf(id);
  };
  const nameOf = (id: string): string => {
    const resource = record(resources[id]);
    const property = nameProperties[textOf(resource['Type'])] ?? '';
    return textOf(resolve(record(resource['Properties'])[property])) || id;
  };
  const arnOf = (id: string): string => {
    const name = nameOf(id);
    const regional = (service: string): string =>
      `arn:aws:${service}:${place.region}:${place.account}:`;
    switch (record(resources[id])['Type']) {
      case 'AWS::SQS::Queue':
        return regional('sqs') + name;
      case 'AWS::SNS::Topic':
        return regional('sns') + name;
      case 'AWS::Lambda::Function':
        return `${regional('lambda')}function:${name}`;
      case 'AWS::IAM::Role':
        return `arn:aws:iam::${place.account}:role/${name}`;
      case 'AWS::S3::Bucket':
        return `arn:aws:s3:::${name}`;
      default:
        return id;
    }
  };
  return Object.entries(resources).map(([id, resource]) => ({
    id,
    type: textOf(record(resource)['Type']),
    properties: record(resolve(record(resource)['Properties'] ?? {})),
  }));
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
