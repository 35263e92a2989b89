import type { MirrorId } from '../base/index.ts';
import { copyKey, ownerOf, toCopyName } from './dynamo-copies.ts';
import { number, text, type Attributes, type DynamoItem } from './dynamo-item.ts';
import { clientPrefix } from './dynamo-rights.ts';
import { partitions } from './dynamo-schema.ts';
import type { DynamoTable, ItemKey } from './dynamo-table.ts';
import type { CopyState, LedgerCopy } from './ledger.ts';
import { copyStates } from './ledger-rules.ts';

/** The partition of what clients say of copies. */
export const claimPartition: string = clientPrefix + partitions.ledger;

/**
 * What a client says of a copy, who may not write in the ledger itself. It can ask for a look at the
 * copy. It cannot say that one was verified, when the next look is, or that a bad copy is good.
 */
export interface Claim {
  readonly object: string;
  readonly mirror: MirrorId;
  readonly bytes: number;
  readonly state: CopyState;
}

export function claimKey(object: string, mirror: MirrorId): ItemKey {
  return { pk: claimPartition, sk: copyKey(object, mirror).sk };
}

export function itemOfClaim({ object, mirror, bytes, state }: Claim): Attributes {
  const { pk, sk } = claimKey(object, mirror);
  return {
    pk: text(pk),
    sk: text(sk),
    bytes: number(bytes),
    state: text(state),
    ...(state === 'stored' ? {} : { notStored: text(state) }),
  };
}

export function claimOfItem(item: DynamoItem, location: string): Claim | undefined {
  const { object, mirror } = ownerOf(item.text('sk'), location);
  if (mirror === undefined) return undefined;
  const state = item.word('state', copyStates);
  return { object, mirror, bytes: item.number('bytes'), state };
}

/** The copy as it is with what a client says of it; due at once if that says anything new. */
export function withClaim(
  known: LedgerCopy | undefined,
  { object, mirror, bytes, state }: Claim,
): LedgerCopy {
  // Nobody looks at what is quarantined: so a client cannot say that of any copy.
  const said = state === 'quarantined' ? 'suspect' : state;
  if (known === undefined) return { object, mirror, bytes, life: 'live', state: said };
  const isNew = said === 'stored' ? known.state === 'debt' : said !== known.state;
  return isNew ? { ...known, state: said, nextDue: undefined } : known;
}

/** All claims, by the name of their objects. */
export async function* claimsIn(
  table: DynamoTable,
  [from, to]: readonly [string, string] | readonly [] = [],
): AsyncGenerator<Claim, void, undefined> {
  const isPart = from !== undefined && to !== undefined;
  const query = table.query({
    KeyConditionExpression: isPart ? 'pk = :pk AND sk BETWEEN :from AND :to' : 'pk = :pk',
    ExpressionAttributeValues: {
      ':pk': text(claimPartition),
      ...(isPart ? { ':from': text(from), ':to': text(to) } : {}),
    },
  });
  for await (const item of query) {
    const claim = claimOfItem(item, table.location);
    if (claim !== undefined) yield claim;
  }
}

export async function hasClaims(table: DynamoTable): Promise<boolean> {
  const query = table.query({
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeValues: { ':pk': text(claimPartition) },
    Limit: 1,
  });
  for await (const _ of query) return true;
  return false;
}

/** Removes a claim, unless the client says something else meanwhile. */
export async function dropClaim(table: DynamoTable, claim: Claim): Promise<void> {
  await table.delete(claimKey(claim.object, claim.mirror), {
    expression: '#state = :state',
    names: { '#state': 'state' },
    values: { ':state': text(claim.state) },
  });
}

/** Copies in their order, each with the claim about it; claims about unknown copies in their places. */
export async function* mergeClaims(
  copies: AsyncGenerator<LedgerCopy, void, undefined>,
  claims: AsyncGenerator<Claim, void, undefined>,
): AsyncGenerator<LedgerCopy, void, undefined> {
  let claim = await claims.next();
  for await (const copy of copies) {
    const name = toCopyName(copy);
    while (claim.done !== true && toCopyName(claim.value) < name) {
      yield withClaim(undefined, claim.value);
      claim = await claims.next();
    }
    if (claim.done !== true && toCopyName(claim.value) === name) {
      yield withClaim(copy, claim.value);
      claim = await claims.next();
    } else yield copy;
  }
  for (; claim.done !== true; claim = await claims.next()) yield withClaim(undefined, claim.value);
}
