import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeKeyFile, type RepositoryPlaces } from '../../src/core/index.ts';
import { expectCode } from '../cli/expect-outcome.ts';
import { type JsonLine, Machine, type Outcome, outcomeOf } from '../cli/machine.ts';
import { assertStoredOnce } from './assert-sound.ts';
import { changeTree, makeTree } from './changing-tree.ts';
import { SeededRandom } from './seeded-random.ts';
import { TestRepository } from './test-repository.ts';
import { treeImage } from './tree-image.ts';

export interface KillLoopOptions {
  readonly seed: string;
  readonly kills: number;
  /** A new repository, and a fresh source, after so many. */
  readonly killsPerRepository: number;
  /** What the source is a copy of; default a few megabytes that are made up. */
  readonly sourceFrom?: string | undefined;
  readonly log: (line: string) => void;
}

export interface KillLoopResult {
  /** Processes that the signal ended; the others were faster. */
  readonly killed: number;
  readonly byOperation: Readonly<Record<string, number>>;
  readonly snapshotsRestored: number;
  readonly failures: readonly string[];
}

type Operation = 'backup' | 'restore' | 'verify' | 'connect';

/** What a finding may be: left over from a run that was cut short, or a debt that is known. */
const harmless = (finding: JsonLine): boolean =>
  finding['kind'] === 'extra' || (finding['kind'] === 'missing' && finding['healable'] === true);

/**
 * Kills the real program with SIGKILL at random moments, again and again in one repository, while
 * the source changes; and now and then lets it end, when everything that was promised must hold.
 */
export async function runKillLoop(options: KillLoopOptions): Promise<KillLoopResult> {
  const total = { killed: 0, byOperation: {} as Record<string, number>, snapshotsRestored: 0 };
  const failures: string[] = [];
  for (let number = 0; total.killed < options.kills; number++) {
    const kills = Math.min(options.killsPerRepository, options.kills - total.killed);
    using life = new RepositoryLife(options, `${options.seed}/${number}`);
    try {
      await life.run(kills, number % 2 === 0 ? 2 : 1);
    } catch (error) {
      failures.push(
        `repository ${number}, after ${life.history.slice(-8).join(', ')}: ${String(error)}`,
      );
      options.log(failures.at(-1) ?? '');
    }
    total.killed += life.killed;
    total.snapshotsRestored += life.snapshotsRestored;
    for (const [name, count] of life.byOperation) {
      total.byOperation[name] = (total.byOperation[name] ?? 0) + count;
    }
    options.log(
      `${total.killed} kills, ${number + 1} repositories, ${total.snapshotsRestored} snapshots restored, ${failures.length} failures`,
    );
    if (failures.length >= 5) break;
  }
  return { ...total, failures };
}

/** One repository from `init` to the restore of all of its snapshots. */
class RepositoryLife implements Disposable {
  readonly #options: KillLoopOptions;
  readonly #random: SeededRandom;
  readonly #machine: Machine = new Machine();
  readonly #source: string = this.#machine.path('source');
  /** How long an operation takes if it is left alone. */
  readonly #usualMs: Map<Operation, number> = new Map();
  /** Digest of the source by the time at which it began to look so. */
  readonly #images: { readonly since: number; readonly digest: string }[] = [];
  readonly #known: Map<string, string> = new Map();
  /** What was killed when. */
  readonly history: string[] = [];
  readonly byOperation: Map<Operation, number> = new Map();
  killed = 0;
  snapshotsRestored = 0;

  constructor(options: KillLoopOptions, seed: string) {
    this.#options = options;
    this.#random = new SeededRandom(seed);
  }

  [Symbol.dispose](): void {
    this.#machine[Symbol.dispose]();
  }

  async run(kills: number, mirrorsMin: number): Promise<void> {
    const { sourceFrom } = this.#options;
    if (sourceFrom === undefined) makeTree(this.#source, this.#random);
    else cpSync(sourceFrom, this.#source, { recursive: true, preserveTimestamps: true });
    this.#remember();
    const mirrors = ['--mirror', 'm1=m1', '--mirror', 'm2=m2', '--mirrors-min', `${mirrorsMin}`];
    expectCode(await this.#machine.run(['init', 'home', ...mirrors]), [0]);
    this.#usualMs.set('backup', 3000);
    while (this.killed < kills) {
      const operation = this.#nextOperation();
      await this.#kill(operation);
      // Several kills on end are worse than one.
      if (operation === 'connect' || this.#random.below(8) === 0) await this.#settle(mirrorsMin);
      if (this.#random.below(2) === 0) this.#change();
    }
    await this.#settle(mirrorsMin);
    await this.#restoreAll();
    await assertStoredOnce(this.#repository());
  }

  #nextOperation(): Operation {
    const number = this.#random.below(100);
    if (this.#known.size === 0 || number < 78) return 'backup';
    if (number < 86) return 'restore';
    return number < 92 ? 'verify' : 'connect';
  }

  #argumentsOf(operation: Operation): readonly string[] {
    if (operation === 'backup') return ['backup', this.#source];
    if (operation === 'verify') return ['verify', '--level', 'data'];
    if (operation === 'restore') return ['restore', 'latest', '--target', this.#target];
    return ['connect', 'home', '--take-over'];
  }

  get #target(): string {
    return this.#machine.path('target');
  }

  /** Starts an operation and kills it at a moment of its usual time. */
  async #kill(operation: Operation): Promise<void> {
    const usual = this.#usualMs.get(operation) ?? 1500;
    const delayMs = Math.floor((this.#random.below(1_000_000) / 1_000_000) * usual * 1.05);
    const child = this.#machine.start(this.#argumentsOf(operation));
    const ended = outcomeOf(child);
    await Promise.race([sleep(delayMs), ended]);
    child.kill('SIGKILL');
    const outcome = await ended;
    this.history.push(`${operation} at ${delayMs} ms`);
    if (outcome.code === null) {
      this.killed += 1;
      this.byOperation.set(operation, (this.byOperation.get(operation) ?? 0) + 1);
    } else expectCode(outcome, operation === 'backup' ? [0, 3] : [0, 20]);
    if (operation === 'connect') {
      // Until it has ended, there is no catalog.
      const again = await this.#timed('connect');
      expectCode(again, [0]);
    }
    if (operation !== 'restore') return;
    // The same restore goes on where the killed one stopped.
    await this.#list();
    await this.#checkLatest();
  }

  async #timed(operation: Operation, more: readonly string[] = []): Promise<Outcome> {
    const began = performance.now();
    const outcome = await this.#machine.run([...this.#argumentsOf(operation), ...more]);
    this.#usualMs.set(operation, performance.now() - began);
    return outcome;
  }

  /** A backup to the end; then every byte that the journal names is there. */
  async #settle(mirrorsMin: number): Promise<void> {
    const saved = await this.#timed('backup', ['--json']);
    // A debt of a run before is no fault of this one; with both mirrors needed there is none.
    expectCode(saved, mirrorsMin === 2 ? [0] : [0, 3]);
    if (Number(saved.summary['problems']) > 0) throw new Error(`Problems: ${saved.stderr}`);
    const verified = await this.#timed('verify', ['--json']);
    const findings = verified.documents.filter(({ type }) => type === 'finding');
    const bad = findings.filter((finding) => !harmless(finding));
    const missing = findings.filter(({ kind }) => kind === 'missing');
    if (bad.length > 0 || Number(verified.summary['lost']) > 0) throw new Error(verified.stdout);
    if (mirrorsMin === 2 && missing.length > 0) throw new Error(verified.stdout);
    expectCode(verified, missing.length > 0 ? [20] : [0]);
    await this.#list();
  }

  /** Says of every snapshot that is new which image it must have. */
  async #list(): Promise<void> {
    const { documents } = await this.#machine.run(['snapshots', '--json']);
    const ids = new Set<string>();
    for (const { type, id, time } of documents) {
      if (type !== 'snapshot' || typeof id !== 'string') continue;
      ids.add(id);
      const at = Date.parse(String(time));
      const image = this.#images.findLast(({ since }) => since <= at);
      if (!this.#known.has(id)) this.#known.set(id, image?.digest ?? '');
    }
    for (const id of this.#known.keys())
      if (!ids.has(id)) throw new Error(`Snapshot ${id} is gone`);
  }

  async #checkLatest(): Promise<void> {
    const outcome = await this.#timed('restore');
    expectCode(outcome, [0]);
    const digest = digestOf(`${this.#target}${this.#source}`);
    const expected = [...this.#known.values()].at(-1);
    rmSync(this.#target, { recursive: true, force: true });
    if (digest !== expected) throw new Error('The latest snapshot restores to something else');
    this.snapshotsRestored += 1;
  }

  /** Verify has walked all of them; one of each image is brought back and compared. */
  async #restoreAll(): Promise<void> {
    const ids = new Map([...this.#known].map(([id, digest]) => [digest, id]));
    for (const [expected, id] of ids) {
      const outcome = await this.#machine.run(['restore', id, '--target', this.#target]);
      expectCode(outcome, [0]);
      const digest = digestOf(`${this.#target}${this.#source}`);
      rmSync(this.#target, { recursive: true, force: true });
      if (digest !== expected) throw new Error(`Snapshot ${id} restores to something else`);
      this.snapshotsRestored += 1;
    }
  }

  #change(): void {
    changeTree(this.#source, this.#random);
    this.#remember();
  }

  #remember(): void {
    this.#images.push({ since: Date.now(), digest: digestOf(this.#source) });
  }

  /** The same repository through the core. */
  #repository(): TestRepository {
    const configDir = `${this.#machine.home}/.config/versions`;
    const key = decodeKeyFile(readFileSync(`${configDir}/home.key`, 'utf8'));
    const cacheDir = this.#machine.path('check-cache');
    mkdirSync(cacheDir, { recursive: true });
    const places: RepositoryPlaces = {
      mirrors: ['m1', 'm2'].map((name) => ({ name, url: this.#machine.path(name) })),
      catalog: `sqlite:${this.#machine.home}/.local/share/versions/home/catalog.db`,
      cacheDir,
    };
    return new TestRepository(this.#machine.root, places, {}, { kind: 'key', key });
  }
}

function digestOf(root: string): string {
  const hash = createHash('sha256');
  for (const entry of treeImage(root)) hash.update(JSON.stringify(entry));
  return hash.digest('hex');
}
