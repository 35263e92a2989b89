import { isHex16, type MirrorId } from '../base/index.ts';
import { catalogDamaged } from './catalog-errors.ts';
import { number, text, type Attributes, type DynamoItem } from './dynamo-item.ts';
import { padded, partitions } from './dynamo-schema.ts';
import type { ItemKey } from './dynamo-table.ts';
import type { CopyState, LedgerCopy, ObjectLife } from './ledger.ts';
import { copyStates, isVerifiable } from './ledger-rules.ts';

/** Sorts before every character that a key may have after another key. */
const separator = '#';
/** Sorts behind everything that can follow. */
export const last = '~';

const shards: readonly string[] = Array.from('0123456789abcdef');

/** One list of what is due for each of these, so that no single one takes all writes. */
export function dueListsOf(mirror: MirrorId): readonly string[] {
  return shards.map((shard) => `${mirror}${separator}${shard}`);
}

/** Names end in a hash; what does not goes into the first list. */
export function dueListOf(object: string, mirror: MirrorId): string {
  const end = object.at(-1) ?? '';
  return `${mirror}${separator}${shards.includes(end) ? end : 0}`;
}

export function dueAtOf(object: string, nextDue: number | undefined): string {
  return `${padded(nextDue ?? 0)}${separator}${object}`;
}

/** The last key of what is due at a time. */
export function dueUpTo(now: number): string {
  return `${padded(now)}${separator}${last}`;
}

/** What sorts copies: their object, then their mirror. */
export function toCopyName(copy: Pick<LedgerCopy, 'object' | 'mirror'>): string {
  return `${copy.object}${separator}${copy.mirror}`;
}

export function copyKey(object: string, mirror: MirrorId): ItemKey {
  return { pk: partitions.ledger, sk: toCopyName({ object, mirror }) };
}

/** The item that tells the life of an object which is not live; it comes before its copies. */
export function lifeKey(object: string): ItemKey {
  return { pk: partitions.ledger, sk: object };
}

/** The bounds of the keys of an object: its life, then its copies. */
export function boundsOf(object: string): readonly [string, string] {
  return [object, `${object}${separator}${last}`];
}

/** Object and mirror of an item; the mirror is undefined for the item of its life. */
export function ownerOf(
  sk: string,
  location: string,
): { readonly object: string; readonly mirror: MirrorId | undefined } {
  const at = sk.lastIndexOf(separator);
  if (at < 0) return { object: sk, mirror: undefined };
  const mirror = sk.slice(at + 1);
  if (!isHex16(mirror)) throw catalogDamaged(location, 'holds a copy in no mirror');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked just now
  return { object: sk.slice(0, at), mirror: mirror as MirrorId };
}

/** The attributes by which the indexes find a copy. */
export function indexed(object: string, mirror: MirrorId, state: CopyState): Attributes {
  return {
    ...(isVerifiable(state) ? { dueIn: text(dueListOf(object, mirror)) } : {}),
    ...(state === 'stored' ? {} : { notStored: text(state) }),
  };
}

export function itemOfCopy(copy: LedgerCopy): Attributes {
  const { object, mirror, state, lastVerified, nextDue } = copy;
  const { pk, sk } = copyKey(object, mirror);
  return {
    pk: text(pk),
    sk: text(sk),
    bytes: number(copy.bytes),
    state: text(state),
    dueAt: text(dueAtOf(object, nextDue)),
    ...indexed(object, mirror, state),
    ...(lastVerified === undefined ? {} : { lastVerified: number(lastVerified) }),
    ...(nextDue === undefined ? {} : { nextDue: number(nextDue) }),
  };
}

export function copyOfItem(
  item: DynamoItem,
  owner: { readonly object: string; readonly mirror: MirrorId },
  life: ObjectLife,
): LedgerCopy {
  return {
    object: owner.object,
    bytes: item.number('bytes'),
    life,
    mirror: owner.mirror,
    state: item.word('state', copyStates),
    lastVerified: item.optionalNumber('lastVerified'),
    nextDue: item.optionalNumber('nextDue'),
  };
}
