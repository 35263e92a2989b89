import type { CloudResource } from './cloud-template.ts';

/** What somebody asks of AWS, as policies see it. */
export interface AccessRequest {
  readonly action: string;
  readonly resource: string;
  /** Values of the keys that conditions may ask for; keys in lower case. */
  readonly context: Readonly<Record<string, string | readonly string[]>>;
}

export interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** What is allowed to one role: an explicit denial wins, and what nothing allows is refused. */
export interface Rights {
  readonly identity: readonly Statement[];
  /** Policies of buckets, queues and topics that say no to everybody. */
  readonly denials: readonly Statement[];
}

const understood = new Set(['Sid', 'Effect', 'Action', 'Resource', 'Condition', 'Principal']);

/** Whether a request is allowed. Throws for what it does not understand, so that nothing passes by mistake. */
export function isAllowed(rights: Rights, request: AccessRequest): boolean {
  const matching = (statement: Statement): boolean => covers(statement, request);
  if ([...rights.identity, ...rights.denials].some((s) => s.effect === 'Deny' && matching(s))) {
    return false;
  }
  return rights.identity.some((s) => s.effect === 'Allow' && matching(s));
}

/** The statements of a role, by its name or its logical id, and every denial in a policy of a resource. */
export function rightsOf(role: string, resources: readonly CloudResource[]): Rights {
  const identity = resources
    .filter(({ type, properties }) => {
      const { Roles: roles } = properties;
      return type === 'AWS::IAM::Policy' && Array.isArray(roles) && roles.includes(role);
    })
    .flatMap(({ properties }) => statementsIn(properties['PolicyDocument']));
  const denials = resources
    .filter(({ type }) => /^AWS::(S3::Bucket|SQS::Queue|SNS::Topic)Policy$/.test(type))
    .flatMap(({ properties }) => statementsIn(properties['PolicyDocument']))
    .filter(({ effect }) => effect === 'Deny');
  return { identity, denials };
}

export function statementsIn(document: unknown): readonly Statement[] {
  const { Statement: statements } = fields(document);
  return list(statements).map((each) => {
    const statement = fields(each);
    const strange = Object.keys(statement).find((name) => !understood.has(name));
    if (strange !== undefined) throw new Error(`Not understood: ${strange}`);
    const effect = statement['Effect'];
    if (effect !== 'Allow' && effect !== 'Deny') throw new Error(`No effect: ${String(effect)}`);
    return {
      effect,
      actions: texts(statement['Action']),
      resources: texts(statement['Resource']),
      conditions: Object.fromEntries(
        Object.entries(fields(statement['Condition'])).map(([operator, keys]) => [
          operator,
          Object.fromEntries(Object.entries(fields(keys)).map(([key, v]) => [key, texts(v)])),
        ]),
      ),
    };
  });
}

function covers({ actions, resources, conditions }: Statement, request: AccessRequest): boolean {
  const { action, resource, context } = request;
  return (
    actions.some((pattern) => like(pattern.toLowerCase(), action.toLowerCase())) &&
    resources.some((pattern) => like(pattern, resource)) &&
    Object.entries(conditions).every(([operator, keys]) =>
      Object.entries(keys).every(([key, wanted]) =>
        holds(operator, context[key.toLowerCase()], wanted),
      ),
    )
  );
}

function holds(
  operator: string,
  actual: string | readonly string[] | undefined,
  wanted: readonly string[],
): boolean {
  if (operator === 'Null') return (actual === undefined) === (wanted[0] === 'true');
  const [, set, name = ''] =
    /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(?:IfExists)?$/.exec(operator) ?? [];
  if (operator.endsWith('IfExists') && actual === undefined) return true;
  const test = operators[name];
  if (test === undefined) throw new Error(`Not understood: the operator ${operator}`);
  const given = typeof actual === 'string' ? [actual] : (actual ?? []);
  // As AWS has it: of no value at all, everything holds for all, and nothing for one.
  if (set === 'ForAllValues') return given.every((value) => test(value, wanted));
  if (given.length === 0) return name.includes('Not');
  if (set === undefined && given.length > 1) throw new Error(`Several values for ${operator}`);
  return given.some((value) => test(value, wanted));
}

const operators: Readonly<Record<string, (value: string, wanted: readonly string[]) => boolean>> = {
  StringEquals: (value, wanted) => wanted.includes(value),
  StringNotEquals: (value, wanted) => !wanted.includes(value),
  StringLike: (value, wanted) => wanted.some((pattern) => like(pattern, value)),
  Bool: (value, wanted) => wanted.includes(value),
  NumericLessThan: (value, wanted) => wanted.some((limit) => Number(value) < Number(limit)),
  NumericLessThanEquals: (value, wanted) => wanted.some((limit) => Number(value) <= Number(limit)),
  NumericGreaterThan: (value, wanted) => wanted.some((limit) => Number(value) > Number(limit)),
};

/** `*` stands for anything, `?` for one character. */
function like(pattern: string, value: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(value);
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function texts(value: unknown): readonly string[] {
  return list(value).map(String);
}
