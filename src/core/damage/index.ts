/**
 * Makes copies bad on purpose, so that users can see on their own repository what verify finds and
 * heal mends. Nothing else in the program uses this room.
 *
 * Invariants:
 *
 * - no place is touched whose marker was not read in this run;
 * - unless told otherwise, a copy is damaged only while another mirror was just seen to have a good
 *   one, every byte of it read: at planning and again right before the damage;
 * - the same seed on the same objects gives the same damage.
 */
export type { DamageResult } from './apply-damage.ts';
export { damageKinds, type DamageKind } from './damage-kinds.ts';
export { damageMirrors, type DamageOptions } from './damage-mirrors.ts';
export {
  damageParts,
  type DamageChoice,
  type DamageItem,
  type DamagePart,
  type DamagePlan,
} from './plan-damage.ts';
