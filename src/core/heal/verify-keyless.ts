import type { Clock } from '../base/index.ts';
import type { Ledger } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { decodeConfig, decodeMarker, parseObjectName } from '../format/index.ts';
import { MirrorSet, type Place } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import {
  type HashThreads,
  HealthRecorder,
  judgeFor,
  KnownCopies,
  selectCopies,
  type Subset,
  type VerifyLevel,
  verifyMirrors,
  type VerifyMirrorsResult,
} from '../verify/index.ts';
import { applyHeal, type HealOptions, type HealResult } from './apply-heal.ts';
import { mendable } from './mendable.ts';
import { healMarkers, type MarkerOptions } from './heal-markers.ts';
import { type HealChoice, type HealPlan, planHeal } from './heal-plan.ts';
import { unlistedMirrors } from './unlisted-mirrors.ts';

export interface KeylessOptions {
  readonly level: VerifyLevel;
  readonly subset?: Subset | undefined;
  readonly ageMsMin?: number | undefined;
  /** Mend what is found. */
  readonly heal?: (HealChoice & KeylessHealOptions) | undefined;
  readonly ledger?: Ledger | undefined;
  readonly idOf?: MarkerOptions['idOf'];
  /** What objects are hashed by; without, all is done here. */
  readonly threads?: HashThreads | undefined;
  /** Told of what was healed, for places without a ledger to note it in. */
  readonly onEvent?: HealOptions['onEvent'];
  readonly monitor: Monitor;
  readonly clock: Clock;
  readonly by: string;
  readonly signal?: AbortSignal | undefined;
}

export interface KeylessHealOptions {
  readonly dryRun: boolean;
  readonly bytesMax?: number | undefined;
  /** Shown before anything is done. */
  readonly onPlan?: ((plan: HealPlan) => void | Promise<void>) | undefined;
}

export interface KeylessSummary {
  readonly mirrors: number;
  readonly objects: number;
  readonly bytesRead: number;
  readonly findings: number;
  /** Findings of which there is a good copy, or bytes enough to make one. */
  readonly healable: number;
  /** Objects of which neither is known. */
  readonly lost: number;
  /** Places that show nothing of the repository: what is wrong in them nobody knows. */
  readonly absent: number;
  /** What healing did, if it was asked for. */
  readonly healed?: HealResult | undefined;
  readonly durationMs: number;
}

/**
 * Verifies places, and mends them from one another, knowing nothing but where they are: no
 * configuration, no catalog, no key. What all of them lack it cannot miss, as the journal is sealed;
 * but that `config` or every key object is gone.
 */
export async function verifyKeyless(
  places: readonly Place[],
  options: KeylessOptions,
): Promise<KeylessSummary> {
  const { clock, monitor, signal, heal } = options;
  const began = clock.elapsed();
  const isWriting = heal !== undefined && !heal.dryRun;
  const markersMended = isWriting ? await healMarkers(places, options) : 0;
  await using mirrors = await MirrorSet.open({
    places,
    readMarker: decodeMarker,
    readOwner: (config) => decodeConfig(config).config.repository,
    // What has lost its marker may hold the only good copy of something.
    readUnmarked: true,
    mirrorsMin: 1,
    readOnly: !isWriting,
    monitor,
    clock,
    signal,
  });
  if (mirrors.mirrors.length < 2 && isWriting) monitor.note(oneMirror);
  const result = await verify(mirrors, options);
  const withoutKeys = reportNoKeys(result, monitor);
  const plan = heal && planHeal(result, heal);
  if (plan) {
    await heal.onPlan?.(plan);
    for (const error of unlistedMirrors(mirrors.mirrors, result)) monitor.problem(error);
  }
  const healed =
    plan && isWriting ? await applyHeal(plan, healOptions(mirrors, heal, options)) : undefined;
  return {
    mirrors: mirrors.mirrors.length,
    objects: result.objects,
    bytesRead: result.bytesRead,
    findings: result.findings.length + mirrors.absent.length + withoutKeys,
    healable: result.findings.filter(({ healable }) => healable).length,
    lost: (healed?.lost ?? result.lost).length + Math.min(1, withoutKeys),
    absent: mirrors.absent.length,
    healed: healed && {
      mended: healed.mended + markersMended,
      left: healed.left,
      bytesWritten: healed.bytesWritten,
      lost: healed.lost,
    },
    durationMs: Math.round(clock.elapsed() - began),
  };
}

const oneMirror = 'There is one mirror only: what is damaged in it can only be mended from itself';

async function verify(mirrors: MirrorSet, options: KeylessOptions): Promise<VerifyMirrorsResult> {
  const { ledger, clock, monitor, signal, level, threads } = options;
  const now = clock.now();
  const known = await KnownCopies.read(ledger, now);
  const recorder =
    ledger && new HealthRecorder(ledger, now, ({ message }) => monitor.note(message));
  const repository = mirrors.repositoryId;
  const judge = judgeFor({
    repository,
    hash: threads && ((bytes) => threads.hashBytes(bytes)),
  });
  monitor.at('verifying');
  const result = await verifyMirrors(mirrors.mirrors, undefined, {
    level,
    judge,
    hasher: threads,
    select: (objects) => selectCopies(objects, mirrors.mirrors, { ...options, known, now }),
    isSuspect: ({ key }, { id }) => known.isSuspect(key, id),
    onCopy: (seen) => recorder?.add(seen),
    canMend: mendable({
      repository,
      mirrors: mirrors.mirrors,
      judge: judgeFor({ repository }),
      signal,
    }),
    monitor,
    signal,
  });
  await recorder?.flush();
  return result;
}

/**
 * Which key objects there were is sealed in the journal; that none is left is plain, and it is the
 * end of a repository whose machines keep none. Returns how many mirrors that was said of.
 */
function reportNoKeys({ expected, listed }: VerifyMirrorsResult, monitor: Monitor): number {
  if (expected.some(({ key }) => parseObjectName(key)?.part === 'key')) return 0;
  const detail = 'No mirror at hand has a key object, and without one nobody opens the repository';
  for (const { mirror } of listed) {
    const where = { mirror: mirror.name, object: 'keys/' };
    monitor.finding({ kind: 'missing', ...where, healable: false, detail });
  }
  return listed.length;
}

function healOptions(
  { repositoryId: repository, mirrors }: MirrorSet,
  heal: HealChoice & KeylessHealOptions,
  { monitor, clock, ledger, by, onEvent, signal }: KeylessOptions,
): Parameters<typeof applyHeal>[1] {
  return {
    repository,
    mirrors,
    judge: judgeFor({ repository }),
    monitor,
    clock,
    ledger,
    by,
    onEvent,
    bytesMax: heal.bytesMax,
    isFromFixed: heal.from !== undefined,
    signal,
  };
}

/** Too much is wrong in a mirror at once: an error of its kind for each. */
export function breakerTripped(plan: HealPlan): readonly VersionsError[] {
  return plan.tripped.map(
    ({ mirror: { name }, damaged, objects }) =>
      new VersionsError(
        'Corrupt',
        'HEAL_BREAKER',
        `${damaged} of ${objects} objects of mirror ${name} are damaged at once, so nothing in it is written over`,
        {
          hint: 'Find out what happened to that mirror (or to this machine); then run it again with --unsafe-no-breaker',
          context: { mirror: name, damaged, objects },
        },
      ),
  );
}
