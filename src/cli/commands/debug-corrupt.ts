import {
  damageKinds,
  damageMirrors,
  damageParts,
  type DamageItem,
  type DamagePlan,
  toHex,
  VersionsError,
} from '../../core/index.ts';
import { formatCounted } from '../output/measures.ts';
import { safeText } from '../output/safe-text.ts';
import type { CommandResult, Session } from '../session.ts';
import { writableRepository } from '../setup/open-session.ts';
import { openPlaces } from '../setup/open-places.ts';
import { placesOf } from '../setup/places.ts';
import { canAsk, confirm } from '../setup/prompt.ts';
import { mirrorOption } from '../setup/verify-options.ts';

/** Damages copies on purpose. Needs no key: names are hashes. */
export async function run(session: Session): Promise<CommandResult> {
  const { settings, context, output, io, monitor } = session;
  const configured = writableRepository(session);
  const dryRun = settings.flag('dry-run');
  const sure = settings.flag('yes');
  if (!dryRun && !sure && !(session.mayAsk && canAsk(io))) throw notAsked();
  const { mirrors } = placesOf(configured, settings, io);
  const seed = settings.text('seed') ?? toHex(context.random.bytes(4));
  const { clock, signal } = context;
  const { plan, result } = await damageMirrors(await openPlaces(mirrors, true), {
    choice: {
      seed,
      count: settings.number('count') ?? 1,
      mirror: mirrorOption(session),
      part: damageParts.find((part) => part === settings.text('object')),
      kind: damageKinds.find((kind) => kind === settings.text('damage')),
      object: settings.text('pack'),
      lastCopies: settings.flag('unsafe-last-copy'),
    },
    confirm: async ({ items }) => {
      for (const item of items) output.line(lineOf(item));
      if (dryRun) return false;
      return sure || confirm(io, `Damage ${formatCounted(items.length, 'copy', 'copies')}?`);
    },
    monitor,
    clock,
    signal,
  });
  const broken = result?.broken ?? [];
  for (const item of result ? broken : plan.items) output.document(documentOf(item, !result));
  const left = result ? plan.items.length - broken.length : 0;
  output.line(closingLine(plan, { broken: result && broken.length, dryRun }));
  if (result && broken.length > 0) {
    output.note('versions verify --level data names it, versions heal --level data mends it');
  }
  return {
    exitCode: left > 0 ? 3 : 0,
    summary: {
      seed,
      dryRun,
      planned: plan.items.length,
      broken: broken.length,
      left,
      spared: plan.spared,
    },
  };
}

function lineOf({ mirror, key, kind, offset, length, bytes, other }: DamageItem): string {
  const where = `${kind.padEnd(8)}  ${safeText(mirror.name)}: ${key}`;
  if (kind === 'stale') return `${where}, which gets the bytes of ${other ?? '?'}`;
  if (kind === 'swap') return `${where} changes places with ${other ?? '?'}`;
  if (kind === 'delete' || kind === 'empty') return `${where} (${bytes} bytes)`;
  return `${where}, offset ${offset}, ${formatCounted(length, 'byte')} of ${bytes}`;
}

function documentOf(item: DamageItem, isPlanned: boolean) {
  const { mirror, key, part, kind, offset, length, bytes, other } = item;
  return {
    type: isPlanned ? 'plan' : 'damage',
    action: kind,
    mirror: mirror.name,
    object: key,
    part,
    offset,
    length,
    bytes,
    other,
  };
}

function closingLine(
  { items, seed, spared }: DamagePlan,
  { broken, dryRun }: { readonly broken: number | undefined; readonly dryRun: boolean },
): string {
  const copies = (count: number): string => formatCounted(count, 'copy', 'copies');
  const done =
    broken === undefined
      ? `${copies(items.length)} ${dryRun ? 'would be damaged' : 'not damaged'}`
      : `${copies(broken)} damaged`;
  const kept = spared > 0 ? `, ${copies(spared)} spared as the last good one` : '';
  return `${done}${kept}; the same again with --seed ${safeText(seed)}`;
}

function notAsked(): VersionsError {
  return new VersionsError(
    'Usage',
    'CONFIRMATION_NEEDED',
    'Nobody is here to be asked whether copies may be damaged',
    { hint: 'versions debug corrupt -n shows what would be damaged; --yes does it without asking' },
  );
}
