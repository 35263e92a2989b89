import { readFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { replaceFileSync, type RepositoryId } from '../base/index.ts';
import type { Tip } from '../catalog/index.ts';
import type { FoldedEvents } from './folded-events.ts';
import type { PackInfo, PackLife } from './pack-list.ts';
import { RepositoryState, type CommittedSnapshot, type LineageStart } from './repository-state.ts';

/** Local only: another version makes the file be ignored and the journal be read again. */
const layout = 'versions-state-6';

interface SavedState {
  readonly layout: string;
  readonly repository: RepositoryId;
  /** Ties the state to the index image that was saved with it. */
  readonly generation: string;
  /** Numbers of packs that the image does not hold although it was made behind them. */
  readonly leftOut: readonly number[];
  readonly tip: Tip;
  readonly packs: readonly PackInfo[];
  readonly lives: readonly (readonly [PackInfo['name'], PackLife])[];
  readonly snapshots: readonly (readonly [CommittedSnapshot['record']['id'], CommittedSnapshot])[];
  readonly keys: RepositoryState['keys'];
  readonly mirrors: RepositoryState['mirrors'];
  readonly lineages: readonly LineageStart[];
  readonly openSessions: RepositoryState['openSessions'];
  readonly fenced: RepositoryState['fenced'];
  readonly mirrorsMin: number | undefined;
  readonly unknownRecords: ReadonlySet<string>;
  readonly merged: RepositoryState['merged'];
  readonly checkpoints: RepositoryState['checkpoints'];
  readonly rebuildBase: RepositoryState['rebuildBase'];
  readonly events: FoldedEvents['latest'];
}

/** What ties a saved index image to the saved state. */
export interface ImageTie {
  readonly generation: string;
  readonly leftOut: readonly number[];
}

/** The folded journal as it was when it was last saved; undefined if there is none that fits. */
export function loadState(
  path: string,
  repository: RepositoryId,
): { readonly state: RepositoryState; readonly tie: ImageTie } | undefined {
  let saved: SavedState;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `saveState`; anything odd is caught below
    saved = deserialize(readFileSync(path)) as SavedState;
    if (saved.layout !== layout || saved.repository !== repository) return undefined;
    const { generation, leftOut } = saved;
    return { state: restoreState(saved), tie: { generation, leftOut } };
  } catch {
    return undefined;
  }
}

/** Replaces the saved state; a crash leaves the old one or the new one. */
export function saveState(
  path: string,
  repository: RepositoryId,
  state: RepositoryState,
  { generation, leftOut }: ImageTie,
): void {
  if (state.tip === undefined) return;
  const saved: SavedState = {
    layout,
    repository,
    generation,
    leftOut,
    tip: state.tip,
    packs: state.packs.all(),
    lives: state.packs
      .all()
      .map(({ name }) => [name, state.packs.lifeOf(name)] as const)
      .filter(([, life]) => life !== 'live'),
    snapshots: [...state.snapshots],
    keys: state.keys,
    mirrors: state.mirrors,
    lineages: state.lineages,
    openSessions: state.openSessions,
    fenced: state.fenced,
    mirrorsMin: state.mirrorsMin,
    unknownRecords: state.unknownRecords,
    merged: state.merged,
    checkpoints: state.checkpoints,
    rebuildBase: state.rebuildBase,
    events: state.events.latest,
  };
  replaceFileSync(path, serialize(saved), { flush: true });
}

function restoreState(saved: SavedState): RepositoryState {
  const state = new RepositoryState();
  state.tip = saved.tip;
  for (const pack of saved.packs) state.packs.add(pack);
  for (const [name, life] of saved.lives) state.packs.setLife(name, life);
  for (const [id, snapshot] of saved.snapshots) state.snapshots.set(id, snapshot);
  for (const name of saved.keys) state.keys.add(name);
  for (const [id, mirror] of saved.mirrors) state.mirrors.set(id, mirror);
  state.lineages.push(...saved.lineages);
  for (const [session, number] of saved.openSessions) state.openSessions.set(session, number);
  for (const name of saved.fenced) state.fenced.add(name);
  state.mirrorsMin = saved.mirrorsMin;
  for (const name of saved.unknownRecords) state.unknownRecords.add(name);
  for (const entry of saved.merged) state.merged.add(entry);
  state.checkpoints.push(...saved.checkpoints);
  state.rebuildBase = saved.rebuildBase;
  state.events.add(saved.events);
  return state;
}
