import { Duration, type Stack } from 'aws-cdk-lib';
import { AccountRootPrincipal, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import {
  objectKeys,
  readObjects,
  readTable,
  tableArnsOf,
  type TableArns,
  writeLives,
  writeObjects,
  writeRows,
} from '../access.ts';
import type { Deployment } from '../deployment-type.ts';
import { bucketPlaceOf, objectArns } from '../mirror-place.ts';
import { acknowledgeWildcards } from './acknowledge-wildcards.ts';

/** The roles that people take on, each for one thing. */
export interface ClientRoles {
  readonly client: Role;
  readonly restore: Role;
  readonly prune: Role;
}

/** Sessions of a first backup may last long; whoever needs longer takes the role on again. */
const sessionMax = Duration.hours(12);

export function addClientRoles(
  stack: Stack,
  deployment: Deployment,
  tableName: string,
): ClientRoles {
  const table = tableArnsOf(deployment, tableName);
  return {
    client: roleOf(stack, deployment, 'client', clientStatements(deployment, table)),
    restore: roleOf(stack, deployment, 'restore', restoreStatements(deployment, table)),
    prune: roleOf(stack, deployment, 'prune', pruneStatements(deployment, table)),
  };
}

function roleOf(
  stack: Stack,
  deployment: Deployment,
  name: keyof ClientRoles,
  statements: readonly PolicyStatement[],
): Role {
  const needsSecondFactor = name === 'prune';
  const account = new AccountRootPrincipal();
  const role = new Role(stack, `Role-${name}`, {
    roleName: `versions-${deployment.name}-${name}`,
    description: `Taken on for versions ${name === 'client' ? 'backup' : name}`,
    maxSessionDuration: sessionMax,
    // Deleting needs a person with a second factor, not just the keys on a laptop.
    assumedBy: needsSecondFactor
      ? account.withConditions({ Bool: { 'aws:MultiFactorAuthPresent': 'true' } })
      : account,
  });
  for (const statement of statements) role.addToPolicy(statement);
  acknowledgeWildcards(role, statements);
  return role;
}

/** Adds objects and rows. Deletes nothing, and overwriting only makes a new version. */
function clientStatements(deployment: Deployment, table: TableArns): PolicyStatement[] {
  return [
    ...deployment.mirrors.flatMap((mirror) => [
      ...readObjects(deployment, mirror),
      ...writeObjects(deployment, mirror, objectKeys),
    ]),
    readTable(table),
    ...writeRows(table),
  ];
}

function restoreStatements(deployment: Deployment, table: TableArns): PolicyStatement[] {
  return [
    ...deployment.mirrors.flatMap((mirror) => readObjects(deployment, mirror)),
    readTable(table),
  ];
}

/**
 * Deletes packs that the journal has swept, and with them what is set aside; no versions. In the
 * ledger it says so.
 */
function pruneStatements(deployment: Deployment, table: TableArns): PolicyStatement[] {
  return [
    ...clientStatements(deployment, table),
    writeLives(table),
    ...deployment.mirrors.flatMap((mirror) =>
      mirror.kind === 'other'
        ? []
        : [
            new PolicyStatement({
              actions: ['s3:DeleteObject'],
              resources: objectArns(bucketPlaceOf(deployment, mirror), [
                'packs/*',
                'payloads/*',
                'checkpoints/*',
                'quarantine/*',
              ]),
            }),
          ],
    ),
  ];
}
