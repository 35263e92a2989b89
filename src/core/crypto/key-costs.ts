import { VersionsError } from '../errors/index.ts';

/** What Argon2id costs. */
export interface KdfCosts {
  readonly passes: number;
  readonly memoryKiB: number;
  readonly lanes: number;
}

/** The costs of a new password: about half a second and 256 MiB. */
export const defaultKdfCosts: KdfCosts = { passes: 3, memoryKiB: 256 * 1024, lanes: 1 };

/** The parameters that are stored in clear beside a sealed bundle. */
export type KdfParameters =
  | ({ readonly kdf: 'argon2id'; readonly version: 19 } & KdfCosts)
  | { readonly kdf: 'hkdf' }
  | { readonly kdf: 'none' };

/** Throws `Corrupt` (code KDF_COSTS_REFUSED) for costs that a hostile key object could ask for. */
export function checkKdfCosts(costs: KdfCosts): void {
  const inRange =
    isIntegerBetween(costs.passes, 1, 16) &&
    isIntegerBetween(costs.lanes, 1, 16) &&
    isIntegerBetween(costs.memoryKiB, 8 * costs.lanes, 2_097_152);
  if (!inRange) {
    throw new VersionsError(
      'Corrupt',
      'KDF_COSTS_REFUSED',
      'A key object asks for more work or memory than is allowed to turn a password into a key',
      { context: { passes: costs.passes, memoryKiB: costs.memoryKiB, lanes: costs.lanes } },
    );
  }
}

function isIntegerBetween(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}
