import type { ObjectHash, RepositoryId } from '../base/index.ts';
import type { RepositoryKeys } from '../crypto/index.ts';
import { errorMessage, isVersionsError, VersionsError } from '../errors/index.ts';
import {
  type CheckpointEnvelope,
  type CheckpointPart,
  checkpointStartBytes,
  decodeCheckpointRuns,
  decodeCheckpointStart,
  decodeRun,
  objectHashOf,
  parseObjectName,
  type RunEntry,
} from '../format/index.ts';
import type { MirrorSet } from '../mirror/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { eachAtOnce } from '../verify/index.ts';
import { openCheckpoint } from './checkpoint-codec.ts';
import { checkpointKey } from './object-keys.ts';

/** Runs that are kept open: histories are read in order. */
const runsOpenMax = 3;
const readsAtOnce = 16;

export interface CheckpointEntriesOptions {
  readonly mirrors: MirrorSet;
  readonly keys: RepositoryKeys;
  readonly repository: RepositoryId;
  readonly monitor: Monitor;
  readonly signal?: AbortSignal | undefined;
}

type Run = ReadonlyMap<ObjectHash, RunEntry>;

/** A checkpoint that lies in a mirror, whoever names it. */
export interface FoundCheckpoint extends CheckpointEnvelope {
  readonly name: ObjectHash;
}

/**
 * The entries that checkpoints hold. A run that is damaged in every mirror is told once and holds
 * nothing: a checkpoint saves work, it is never needed.
 */
export class CheckpointEntries {
  readonly #options: CheckpointEntriesOptions;
  readonly #runs: Map<ObjectHash, CheckpointPart> = new Map();
  readonly #open: Map<ObjectHash, Promise<Run>> = new Map();

  constructor(options: CheckpointEntriesOptions) {
    this.#options = options;
  }

  /** Runs that some checkpoint consists of. */
  use(runs: readonly CheckpointPart[]): void {
    for (const run of runs) this.#runs.set(run.name, run);
  }

  /** The entry, from a run that covers its number; undefined if none has it. */
  async entry(number: number, hash: ObjectHash): Promise<RunEntry | undefined> {
    for (const run of this.#runs.values()) {
      if (number < run.first || number > run.last) continue;
      const found = (await this.#opened(run)).get(hash);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** All entries of a run; none if it cannot be used. */
  async entriesOf(run: CheckpointPart): Promise<readonly RunEntry[]> {
    return [...(await this.#opened(run)).values()];
  }

  /** The checkpoints that the mirrors list, those that cover most first. */
  async list(): Promise<readonly FoundCheckpoint[]> {
    const { mirrors, monitor, signal } = this.#options;
    const names = new Set<string>();
    for (const { name, store } of mirrors.mirrors) {
      try {
        for await (const { key } of store.list('checkpoints/', { signal })) names.add(key);
      } catch (error) {
        if (!isVersionsError(error, 'Unavailable', 'Denied')) throw error;
        monitor.note(`The checkpoints of mirror ${name} were not looked at: ${error.message}`);
      }
    }
    const found: FoundCheckpoint[] = [];
    await eachAtOnce([...names], readsAtOnce, async (key) => {
      const start = await this.#startOf(key);
      if (start?.part === 'checkpoint') found.push(start);
    });
    return found.sort((a, b) => b.last - a.last || (a.name < b.name ? -1 : 1));
  }

  /** The runs of a checkpoint; undefined if it cannot be used, which is told. */
  async runsOf(checkpoint: FoundCheckpoint): Promise<readonly CheckpointPart[] | undefined> {
    try {
      const opened = await this.#read(checkpoint.name);
      if (opened.part !== 'checkpoint') return undefined;
      return decodeCheckpointRuns(opened.plaintext, opened);
    } catch (error) {
      this.#tell(checkpoint.name, error);
      return undefined;
    }
  }

  #opened(run: CheckpointPart): Promise<Run> {
    const known = this.#open.get(run.name);
    if (known !== undefined) return known;
    const opened = this.#openRun(run);
    this.#open.set(run.name, opened);
    const [oldest] = this.#open.keys();
    if (this.#open.size > runsOpenMax && oldest !== undefined) this.#open.delete(oldest);
    return opened;
  }

  async #openRun({ name, first, last }: CheckpointPart): Promise<Run> {
    try {
      const opened = await this.#read(name);
      const isAsNamed = opened.part === 'run' && opened.first === first && opened.last === last;
      if (!isAsNamed) throw notAsNamed();
      const entries = decodeRun(opened.plaintext, opened);
      return new Map(entries.map((entry) => [entry.hash, entry]));
    } catch (error) {
      this.#tell(name, error);
      this.#runs.delete(name);
      return new Map();
    }
  }

  async #read(name: ObjectHash): Promise<CheckpointEnvelope & { readonly plaintext: Uint8Array }> {
    const { mirrors, signal } = this.#options;
    const accept = (bytes: Uint8Array): boolean => objectHashOf(bytes) === name;
    const bytes = await mirrors.get(checkpointKey(name), { accept, signal });
    return openCheckpoint(bytes, this.#options);
  }

  /** What the first bytes of an object tell. Damage there is found when it is read whole. */
  async #startOf(key: string): Promise<FoundCheckpoint | undefined> {
    const { mirrors, signal } = this.#options;
    const name = parseObjectName(key)?.hash;
    if (name === undefined) return undefined;
    let start: FoundCheckpoint | undefined;
    const accept = (bytes: Uint8Array): boolean => {
      try {
        start = { ...decodeCheckpointStart(bytes), name };
        return true;
      } catch (error) {
        if (!isVersionsError(error, 'Corrupt', 'Unsupported')) throw error;
        return false;
      }
    };
    try {
      const range = { offset: 0, length: checkpointStartBytes };
      await mirrors.get(key, { range, accept, signal });
    } catch (error) {
      if (!isVersionsError(error, 'Corrupt', 'NotFound', 'Unavailable', 'Denied')) throw error;
    }
    return start;
  }

  #tell(name: ObjectHash, why: unknown): void {
    if (!isVersionsError(why, 'Corrupt', 'NotFound', 'Unsupported')) throw why;
    this.#options.monitor.problem(
      new VersionsError(
        'Corrupt',
        'CHECKPOINT_DAMAGED',
        `The object ${checkpointKey(name)} cannot be used, the entries are read one by one: ${errorMessage(why)}`,
        { hint: 'Run "versions heal"', cause: why },
      ),
    );
  }
}

function notAsNamed(): VersionsError {
  return new VersionsError(
    'Corrupt',
    'CHECKPOINT_DAMAGED',
    'It covers other entries than its checkpoint says',
  );
}
