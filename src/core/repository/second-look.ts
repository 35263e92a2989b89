import type { PackName } from '../base/index.ts';
import { open, type RepositoryKeys } from '../crypto/index.ts';
import { isVersionsError, VersionsError } from '../errors/index.ts';
import { blockAad, encodeObjectHeader, packNameOf, type ObjectHeader } from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import { packKey } from './object-keys.ts';
import type { PackInfo } from './pack-list.ts';

/** So many packs that are not what their name says, and no other is read whole for its reason. */
const alteredMax = 64;
/** So much is decrypted to find out whose block it is that does not open. */
const trialBytesMax = 512 * 1024 * 1024;

type Mirrors = Pick<MirrorSet, 'get'>;

/**
 * Looks at packs of which a block did not open in any mirror: a seal alone cannot tell bytes that
 * have rotted from those of another pack, or from a store that answers ranges wrongly. The whole
 * pack is read, one at a time, and the last good one is kept for its other blocks.
 */
export class SecondLook {
  #turn: Promise<unknown> = Promise.resolve();
  #kept: { readonly name: PackName; readonly bytes: Uint8Array } | undefined;
  readonly #altered = new Set<PackName>();

  /** One for all who read from these mirrors. */
  static at(mirrors: Mirrors): SecondLook {
    const known = looks.get(mirrors) ?? new SecondLook();
    looks.set(mirrors, known);
    return known;
  }

  /**
   * The whole pack, if some mirror has it as its name says; `altered` if none has, and `unknown` if
   * that was not found out. Throws `Cancelled` and `Internal` only.
   */
  whole(
    pack: PackInfo,
    mirrors: Mirrors,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | 'altered' | 'unknown'> {
    const found = this.#turn.then(() => this.#read(pack, mirrors, signal));
    this.#turn = found.catch(() => {});
    return found;
  }

  async #read(
    { name }: PackInfo,
    mirrors: Mirrors,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | 'altered' | 'unknown'> {
    if (this.#kept?.name === name) return this.#kept.bytes;
    if (this.#altered.has(name)) return 'altered';
    if (this.#altered.size >= alteredMax) return 'unknown';
    this.#kept = undefined;
    try {
      const accept = (all: Uint8Array): boolean => packNameOf(all) === name;
      const bytes = await mirrors.get(packKey(name), { signal, accept });
      this.#kept = { name, bytes };
      return bytes;
    } catch (error) {
      if (!isVersionsError(error) || error.kind === 'Cancelled' || error.kind === 'Internal')
        throw error;
      if (error.kind !== 'Corrupt') return 'unknown';
      this.#altered.add(name);
      return 'altered';
    }
  }
}

const looks = new WeakMap<Mirrors, SecondLook>();

/** The pack whose valid block stands in the place of another pack's, if it can be found. */
export function ownerOf(
  sealed: Uint8Array,
  position: number,
  header: ObjectHeader,
  { keys, packs }: { readonly keys: RepositoryKeys; readonly packs: Iterable<PackInfo> },
): PackInfo | undefined {
  const purpose = header.kind === 'data-pack' ? 'data' : 'trees';
  let left = trialBytesMax;
  for (const pack of packs) {
    if ((left -= sealed.byteLength) < 0) return undefined;
    if ((pack.kind === 'data') !== (purpose === 'data')) continue;
    const { kind, suite, epoch, repository } = header;
    const { salt } = pack;
    const other = encodeObjectHeader({ kind, suite, epoch, repository, salt });
    try {
      open(keys.sealingKey(purpose, epoch, salt), position, blockAad(other, position), sealed);
      return pack;
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt')) throw error;
    }
  }
  return undefined;
}

/** In no mirror the bytes under the name of the pack are those that were stored. */
export function packAltered({ name }: PackInfo): VersionsError {
  return new VersionsError(
    'Corrupt',
    'PACK_ALTERED',
    `What is stored as pack ${name} is not what its name says`,
  );
}

/** The pack is what was stored, and its block does not open: so it was made. */
export function packMadeWrong({ name }: PackInfo, block: number): VersionsError {
  return new VersionsError(
    'Corrupt',
    'PACK_MADE_WRONG',
    `Pack ${name} is what its name says, but its block ${block} was never one of it`,
  );
}
