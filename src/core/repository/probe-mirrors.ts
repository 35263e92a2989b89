import type { MirrorId } from '../base/index.ts';
import type { Catalog } from '../catalog/index.ts';
import { isVersionsError, type VersionsError } from '../errors/index.ts';
import {
  type ProbeAnswer,
  type ProbeOptions,
  type ProbeQuestion,
  probeQuestions,
  probeStore,
} from '../store/index.ts';
import { type Context, doorsOf, openPlaces, type RepositoryPlaces } from './context.ts';
import { metaKeys } from './meta-keys.ts';
import { openMirrorSet } from './open-repository.ts';

/** What was found out about the place of a mirror, and when. */
export interface MirrorProbe {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly answers: readonly ProbeAnswer[];
}

export interface ProbedMirrors {
  readonly mirrors: readonly {
    readonly id: MirrorId;
    readonly name: string;
    readonly location: string;
    readonly probe: MirrorProbe;
    /** What the catalog knew from the last time. */
    readonly before: MirrorProbe | undefined;
  }[];
  readonly absent: readonly { readonly name: string; readonly error: VersionsError }[];
  /** Why the catalog could not be asked, and keeps nothing of this. */
  readonly catalogError: VersionsError | undefined;
}

/**
 * Probes the mirrors one after the other, those of `only` if it is given, and keeps the answers in
 * the catalog. Needs no key. A place that does not show its marker is absent, and is not written to.
 */
export async function probeMirrors(
  places: RepositoryPlaces,
  options: Pick<ProbeOptions, 'speedBytes' | 'brief'> & { readonly only?: string | undefined },
  context: Context,
): Promise<ProbedMirrors> {
  const { only, speedBytes, brief } = options;
  const wanted = places.mirrors.filter(({ name }) => only === undefined || name === only);
  const stores = await openPlaces(wanted, { create: false, readOnly: false }, context);
  // Reading markers is all that is wanted of the set: no quorum is needed to look at one.
  await using set = await openMirrorSet(stores, { readOnly: false, mirrorsMin: 1 }, context);
  const opened = await openLedgerOf(places.catalog, context);
  await using catalog = opened.catalog;
  const mirrors: ProbedMirrors['mirrors'][number][] = [];
  const { clock, random, signal } = context;
  for (const { id, name, store } of set.mirrors) {
    context.monitor.at('probing', name);
    const before = catalog && (await keptProbe(catalog, id));
    const answers = await probeStore(store, { clock, random, signal, speedBytes, brief });
    const probe = { at: clock.now(), answers };
    if (catalog) await keepProbe(catalog, id, probe);
    mirrors.push({ id, name, location: store.properties.location, probe, before });
  }
  return { mirrors, absent: set.absent, catalogError: opened.error };
}

/** Keeps what was found out about a mirror. */
export function keepProbe(catalog: Catalog, id: MirrorId, probe: MirrorProbe): Promise<void> {
  return catalog.setMeta(metaKeys.probe + id, JSON.stringify(probe));
}

/** What is kept about a mirror; undefined if nothing is, or it cannot be understood. */
async function keptProbe(catalog: Catalog, id: MirrorId): Promise<MirrorProbe | undefined> {
  const text = await catalog.getMeta(metaKeys.probe + id);
  try {
    const parsed: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
    return isProbe(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isProbe(value: unknown): value is MirrorProbe {
  if (typeof value !== 'object' || value === null) return false;
  if (!('at' in value) || typeof value.at !== 'number') return false;
  return 'answers' in value && Array.isArray(value.answers) && value.answers.every(isAnswer);
}

const questions: ReadonlySet<unknown> = new Set<ProbeQuestion>(probeQuestions);

function isAnswer(value: unknown): value is ProbeAnswer {
  if (typeof value !== 'object' || value === null) return false;
  if (!('question' in value && 'state' in value && 'answer' in value)) return false;
  return questions.has(value.question) && typeof value.answer === 'string';
}

async function openLedgerOf(
  url: string | undefined,
  context: Context,
): Promise<{ readonly catalog?: Catalog; readonly error?: VersionsError }> {
  if (url === undefined) return {};
  try {
    return { catalog: await doorsOf(context).openCatalog(url, { readOnly: false }) };
  } catch (error) {
    if (!isVersionsError(error) || error.kind === 'Cancelled') throw error;
    return { error };
  }
}
