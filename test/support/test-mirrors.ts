import type { MirrorId, RepositoryId } from '../../src/core/base/index.ts';
import { VersionsError } from '../../src/core/errors/index.ts';
import {
  type MarkerContent,
  markerKey,
  type MirrorLimits,
  MirrorSet,
  type MirrorSetOptions,
} from '../../src/core/mirror/index.ts';
import { CollectingMonitor } from '../../src/core/monitor/index.ts';
import { FaultyStore, MemoryStore, RecordingStore } from '../../src/core/store/index.ts';
import { FakeClock } from './fake-clock.ts';

export const testRepository = 'aa'.repeat(16) as RepositoryId;

/** The id of the n-th test mirror. */
export function testMirrorId(number: number): MirrorId {
  return number.toString(16).padStart(32, '0') as MirrorId;
}

/** A marker as these tests write it; the real one is the format's business. */
export function testMarker(content: MarkerContent): Uint8Array {
  return Buffer.from(JSON.stringify(content));
}

export function readTestMarker(bytes: Uint8Array): MarkerContent {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as MarkerContent;
  } catch (cause) {
    throw new VersionsError('Corrupt', 'MARKER_DAMAGED', 'The marker is damaged', { cause });
  }
}

/** A mirror in memory whose faults can be scripted and whose calls are counted. */
export interface TestMirror {
  readonly id: MirrorId;
  readonly name: string;
  /** What is really there. */
  readonly memory: MemoryStore;
  readonly faulty: FaultyStore;
  /** What the mirror set is given. */
  readonly store: RecordingStore;
}

export async function createTestMirror(
  number: number,
  options: { readonly connectionsMax?: number; readonly clock?: FakeClock } = {},
): Promise<TestMirror> {
  const { clock, ...properties } = options;
  const id = testMirrorId(number);
  const name = `m${number}`;
  const memory = new MemoryStore({ location: `memory of ${name}`, ...properties });
  await memory.put(markerKey, [testMarker({ repository: testRepository, mirror: id })]);
  const faulty = new FaultyStore(memory, clock);
  return { id, name, memory, faulty, store: new RecordingStore(faulty) };
}

/** A mirror set over test mirrors, and everything that it reported. */
export interface TestMirrorSet {
  readonly set: MirrorSet;
  readonly mirrors: readonly TestMirror[];
  readonly monitor: CollectingMonitor;
  readonly clock: FakeClock;
  /** `key mirror CODE` each. */
  readonly debts: string[];
  readonly suspects: string[];
}

export type TestMirrorSetOptions = Partial<
  Omit<MirrorSetOptions, 'limits' | 'clock' | 'monitor' | 'onDebt' | 'onSuspect'>
> & {
  readonly count?: number;
  readonly mirrors?: readonly TestMirror[];
  readonly connectionsMax?: number;
  readonly limits?: Partial<MirrorLimits>;
};

export async function openTestMirrors(options: TestMirrorSetOptions = {}): Promise<TestMirrorSet> {
  const { count = 3, connectionsMax = 8, mirrors: given, ...rest } = options;
  const clock = new FakeClock();
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const mirrors =
    given ?? (await Promise.all(numbers.map((n) => createTestMirror(n, { connectionsMax }))));
  const monitor = new CollectingMonitor();
  const debts: string[] = [];
  const suspects: string[] = [];
  const nameOf = (id: MirrorId): string => mirrors.find((mirror) => mirror.id === id)?.name ?? id;
  const set = await MirrorSet.open({
    places: mirrors,
    readMarker: readTestMarker,
    readOnly: false,
    monitor,
    clock,
    onDebt: (key, mirror, error) => debts.push(`${key} ${nameOf(mirror)} ${error.code}`),
    onSuspect: (key, mirror, error) => suspects.push(`${key} ${nameOf(mirror)} ${error.code}`),
    ...rest,
  });
  return { set, mirrors, monitor, clock, debts, suspects };
}
