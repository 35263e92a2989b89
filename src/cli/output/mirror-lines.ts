import type { MirrorHealth } from '../../core/index.ts';
import { formatBytes, formatCount, formatTime, isoTime, type MeasureOptions } from './measures.ts';
import type { JsonDocument } from './output.ts';
import { safeText } from './safe-text.ts';
import { renderTable } from './text-table.ts';

const head = ['mirror', 'id', 'state', 'owed', 'damaged', 'verified'];

/** A table of mirrors and how they do. */
export function mirrorTable(
  mirrors: readonly MirrorHealth[],
  packs: number,
  measures: MeasureOptions,
): string[] {
  const rows = mirrors.map((mirror) => [
    safeText(mirror.name),
    mirror.id?.slice(0, 8) ?? '?',
    stateOf(mirror),
    owedOf(mirror, measures),
    formatCount(mirror.objectsDamaged),
    verifiedOf(mirror, packs, measures),
  ]);
  return renderTable([head, ...rows], new Set([4]));
}

/** The document of a mirror for `--json`. */
export function mirrorDocument(mirror: MirrorHealth): JsonDocument {
  const { oldestVerifiedAt, ...rest } = mirror;
  const at = oldestVerifiedAt === undefined ? undefined : isoTime(oldestVerifiedAt);
  return { type: 'mirror', ...rest, oldestVerified: at };
}

function stateOf({ present, configured }: MirrorHealth): string {
  if (present) return 'here';
  return configured ? 'absent' : 'not configured';
}

function owedOf({ objectsOwed, bytesOwed }: MirrorHealth, { exactBytes }: MeasureOptions): string {
  if (objectsOwed === 0) return '-';
  const objects = `${formatCount(objectsOwed)} ${objectsOwed === 1 ? 'object' : 'objects'}`;
  return `${objects}, ${formatBytes(bytesOwed, exactBytes)}`;
}

/** When every pack was verified; else how many ever were. */
function verifiedOf(mirror: MirrorHealth, packs: number, measures: MeasureOptions): string {
  const { oldestVerifiedAt, packsVerified } = mirror;
  if (packs === 0) return '-';
  if (oldestVerifiedAt !== undefined) return `since ${formatTime(oldestVerifiedAt, measures.utc)}`;
  return packsVerified === 0
    ? 'never'
    : `${formatCount(packsVerified)} of ${formatCount(packs)} packs`;
}
