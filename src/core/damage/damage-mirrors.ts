import type { Clock } from '../base/index.ts';
import { VersionsError } from '../errors/index.ts';
import { decodeConfig, decodeMarker } from '../format/index.ts';
import { MirrorSet, type Place } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { applyDamage, type DamageResult } from './apply-damage.ts';
import { type DamageChoice, type DamagePlan, planDamage } from './plan-damage.ts';

export interface DamageOptions {
  readonly choice: DamageChoice;
  /** Shown the plan; false: nothing is done. */
  readonly confirm: (plan: DamagePlan) => Promise<boolean>;
  readonly monitor: Monitor;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Damages copies in the mirrors at these places, without a key. Returns the plan, and what became of
 * it if it was confirmed. Throws `Usage` (MIRROR_UNKNOWN, NOTHING_TO_DAMAGE), and as
 * `MirrorSet.open` does.
 */
export async function damageMirrors(
  places: readonly Place[],
  { choice, confirm, monitor, clock, signal }: DamageOptions,
): Promise<{ readonly plan: DamagePlan; readonly result?: DamageResult | undefined }> {
  await using set = await MirrorSet.open({
    places,
    readMarker: decodeMarker,
    readOwner: (config) => decodeConfig(config).config.repository,
    mirrorsMin: 1,
    readOnly: false,
    monitor,
    clock,
    signal,
  });
  const { mirrors, repositoryId: repository } = set;
  if (choice.mirror !== undefined && !mirrors.some(({ name }) => name === choice.mirror)) {
    throw new VersionsError('Usage', 'MIRROR_UNKNOWN', `No mirror named ${choice.mirror} is here`, {
      hint: `Those that are: ${mirrors.map(({ name }) => name).join(', ')}`,
    });
  }
  const world = { repository, mirrors, signal };
  const plan = await planDamage(world, choice);
  if (plan.items.length === 0) throw nothingToDamage(plan);
  if (!(await confirm(plan))) return { plan };
  const result = await applyDamage(plan, { ...world, lastCopies: choice.lastCopies, monitor });
  return { plan, result };
}

function nothingToDamage({ spared }: DamagePlan): VersionsError {
  const why =
    spared > 0
      ? `No other mirror has a good copy of any of the ${spared} that were looked at`
      : 'No mirror has a good copy of what was asked for';
  return new VersionsError('Usage', 'NOTHING_TO_DAMAGE', why, {
    hint:
      spared > 0
        ? 'Add a mirror first: versions mirror add NAME URL; or give --unsafe-last-copy, and lose it'
        : 'Run versions verify --level data to see what the mirrors hold',
  });
}
