import { Stack } from 'aws-cdk-lib';
import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import { acknowledge } from './acknowledge.ts';

const reasons: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /:s3:::.*\/(packs|keys|journal|payloads|checkpoints|quarantine)\/\*$/,
    'Objects are named by the hash of their bytes, so their names cannot be listed beforehand; the wildcard ends at one folder of one mirror.',
  ],
  [/:s3:::.*\/\*$/, 'Reading ends at one mirror, of which every object may have to be read.'],
  [
    /:log-group:.*:log-stream:\*$/,
    'Lambda makes the names of the streams in the one log group of the function.',
  ],
  [/:dynamodb:.*\/index\/\*$/, 'Every index of the one table shows keys of that table only.'],
];

/**
 * Justifies the wildcards of a role's statements, one by one; a wildcard of a kind that is not
 * listed above stays a finding.
 */
export function acknowledgeWildcards(role: Role, statements: readonly PolicyStatement[]): void {
  for (const resource of new Set(statements.flatMap((each) => each.resources))) {
    const text = namesOfReferences(Stack.of(role).resolve(resource));
    const reason = reasons.find(([pattern]) => pattern.test(text))?.[1];
    if (reason !== undefined) acknowledge(role, `AwsSolutions-IAM5[Resource::${text}]`, reason);
  }
}

/** As cdk-nag writes an ARN that is put together of references. */
function namesOfReferences(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(namesOfReferences).join('');
  if (typeof value !== 'object' || value === null) return '';
  const [kind, inner] = Object.entries(value)[0] ?? [];
  if (kind === 'Ref') return `<${String(inner)}>`;
  if (kind === 'Fn::Join' && Array.isArray(inner)) return namesOfReferences(inner[1]);
  return '';
}
