import { mkdirSync, rmSync } from 'node:fs';
import type { Repository } from '../../src/core/index.ts';
import { entryKey } from '../../src/core/repository/index.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { healersRaceWhileOneAils } from './sim-ailing.ts';
import type { Hands } from './sim-healers.ts';
import { healersRace, removeAndAdd } from './sim-healing.ts';
import type { Ailment } from './sim-mirror.ts';
import { removeAndAddWhileOneAils } from './sim-removal.ts';
import { describe, refusals, unseen } from './sim-refusals.ts';
import { assertSame, editTree } from './sim-tree.ts';
import {
  atCommit,
  drawTrouble,
  inTakeOver,
  isUntroubled,
  noTrouble,
  type Trouble,
} from './sim-trouble.ts';
import {
  type Ended,
  type Image,
  imageOf,
  imageOfDirectory,
  listSnapshots,
  shapes,
  type SimMachine,
  SimWorld,
} from './sim-world.ts';

const machinesMax = 3;
const day = 86_400_000;

/** Nothing of the repository has changed. */
const harmless: ReadonlySet<string> = new Set(['edit', 'keep copy', 'clock jumps', 'nothing']);

type Treatment = (hands: Hands) => Promise<void>;
const removals: ReadonlySet<Treatment> = new Set([removeAndAdd, removeAndAddWhileOneAils]);
const ailing: ReadonlySet<Treatment> = new Set([healersRaceWhileOneAils, removeAndAddWhileOneAils]);

/** What was promised about a snapshot when its backup ended. */
interface Promised {
  readonly source: string;
  readonly image: Image;
}

/**
 * One world from `init` on. Each step lets something happen, and then everything that was promised
 * must still hold: every snapshot that a backup reported is in the history that the mirrors give,
 * every pack that it names is whole in some mirror, no object has bytes that are not those of its
 * name; and some snapshots, drawn at random, are read and compared.
 *
 * No more than what a user is promised to survive goes wrong at a time: at most one mirror ails,
 * and what it lost is synced before the next may ail.
 */
export class Simulation implements Disposable {
  readonly #random: SeededRandom;
  readonly #world: SimWorld;
  readonly #machines: SimMachine[] = [];
  readonly #promised: Map<string, Promised> = new Map();
  /** The machine that writes; it must be able to, if all is well. */
  #owner: SimMachine;
  /** Nothing of the owner's was taken away or put back since it last wrote. */
  #ownerIsWell = true;
  /** A mirror has been old or empty and was not synced since. */
  #isUnsynced = false;
  /** Catalog and mirrors were put back together while a machine remembers more. */
  #wasPutBack = false;
  /** Calls that failed may have left debts: until a sync, no second copy may be taken away. */
  #mayOwe = false;
  /** What may happen; anything, if it is not given. */
  readonly #only: ReadonlySet<string> | undefined;
  readonly history: string[] = [];
  steps = 0;
  readonly counts: Map<string, number> = new Map();

  private constructor(seed: string, only: ReadonlySet<string> | undefined) {
    this.#only = only;
    this.#random = new SeededRandom(seed);
    // Where all is about removing a mirror, there must be one to spare.
    const isRemoval = [...(only ?? [])].some((name) => name.startsWith('mirror removed'));
    const drawn = isRemoval ? 0 : this.#random.below(shapes.length);
    const shape = shapes[drawn] ?? shapes[0];
    this.#world = new SimWorld(seed, shape);
    this.#owner = this.#world.addMachine();
    this.#machines.push(this.#owner);
  }

  static async begin(seed: string, only?: ReadonlySet<string>): Promise<Simulation> {
    const simulation = new Simulation(seed, only);
    const ended = await simulation.#world.init(simulation.#owner);
    if (ended.error !== undefined) throw ended.error;
    simulation.#edit(simulation.#owner);
    return simulation;
  }

  [Symbol.dispose](): void {
    this.#world[Symbol.dispose]();
  }

  get snapshotsPromised(): number {
    return this.#promised.size;
  }

  async step(): Promise<void> {
    this.steps += 1;
    const [name, action] = this.#drawAction();
    this.history.push(name);
    this.#count(name);
    await action();
    if (!harmless.has(name)) await this.#check(2);
  }

  /** All is made well again: then everything must work, and every snapshot must come back. */
  async end(): Promise<void> {
    this.history.push('end');
    this.#makeWell();
    await this.#takeOver(this.#owner, noTrouble);
    await this.#backup(this.#owner, noTrouble);
    const { value: lost, error } = await this.#world.verify(this.#owner, noTrouble);
    if (error !== undefined || lost !== 0) throw new Error(`Verify says ${lost} lost: ${error}`);
    await this.#check(Number.POSITIVE_INFINITY);
  }

  #drawAction(): readonly [string, () => Promise<void> | void] {
    // Somebody whose backup is refused does something about it, and so does one whose disk is gone.
    const [ails, isStuck] = [this.#ails, !this.#ownerIsWell];
    const all: readonly (readonly [number, string, () => Promise<void> | void])[] = [
      [18, 'edit', () => this.#edit(this.#anyMachine())],
      [34, 'backup', () => this.#backup(this.#mostlyOwner(), this.#drawTrouble())],
      [6, 'two backups', () => this.#twoBackups()],
      [3, 'restore', () => this.#restore()],
      [2, 'verify', () => this.#verify()],
      [
        isStuck ? 30 : 3,
        'take-over',
        () => this.#takeOver(this.#anyMachine(), this.#drawTrouble()),
      ],
      [4, 'rivals', () => this.#rivals()],
      [isStuck ? 0 : 4, 'death in a take-over', () => this.#deathInTakeOver()],
      [isStuck ? 0 : 4, 'death at the commit', () => this.#deathAtCommit()],
      [this.#machines.length < machinesMax ? 8 : 2, 'connect', () => this.#connect()],
      [ails ? 0 : 5, 'mirror ails', () => this.#letMirrorAil()],
      [ails ? 25 : 3, 'mirrors are well', () => this.#makeWell()],
      [4, 'keep copy', () => this.#world.keepCopy(this.#anyMachine())],
      [isStuck ? 1 : 5, 'bring back copy', () => this.#bringBackCopy()],
      [isStuck ? 0 : 6, 'restore from yesterday', () => this.#yesterday()],
      [isStuck ? 0 : 4, 'all is old but the cache', () => this.#allOldButCache()],
      [isStuck ? 0 : 2, 'forget', () => this.#forget()],
      [6, 'fork', () => this.#fork()],
      [ails || isStuck ? 0 : 5, 'healers race', () => this.#heal(healersRace)],
      [
        ails || isStuck ? 0 : 6,
        'healers race while one ails',
        () => this.#heal(healersRaceWhileOneAils),
      ],
      [ails || isStuck ? 0 : 4, 'mirror removed and added', () => this.#heal(removeAndAdd)],
      [
        ails || isStuck ? 0 : 4,
        'mirror removed and added while one ails',
        () => this.#heal(removeAndAddWhileOneAils),
      ],
      [2, 'clock jumps', () => this.#world.clock.jump((this.#random.below(800) - 400) * day)],
    ];
    const only = this.#only;
    const actions = only === undefined ? all : all.filter(([, name]) => only.has(name));
    let number = this.#random.below(actions.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, name, action] of actions) {
      number -= weight;
      if (number < 0) return [name, action];
    }
    return ['nothing', () => {}];
  }

  // --- what machines do

  async #backup(machine: SimMachine, trouble: Trouble): Promise<void> {
    const image = imageOfDirectory(machine.source);
    const ended = await this.#world.backup(machine, trouble);
    this.#note(machine, ended);
    this.#promise(ended, machine.source, image);
    const mustWork =
      machine === this.#owner && this.#ownerIsWell && !this.#ails && isUntroubled(ended);
    if (mustWork && ended.value === undefined) throw new Error(`A backup failed: ${ended.error}`);
    this.#assertExplained(machine, ended);
    if (ended.value !== undefined && machine === this.#owner) this.#ownerIsWell = true;
  }

  async #twoBackups(): Promise<void> {
    const machine = this.#owner;
    const other = `${machine.source}-more`;
    mkdirSync(other, { recursive: true });
    editTree(other, this.#random);
    const trouble = { ...this.#drawTrouble(), killAt: 0 };
    // What goes wrong for one of them may leave something to do for the other.
    const troubles = [trouble, this.#random.below(2) === 0 ? trouble : noTrouble];
    const sources = [machine.source, this.#random.below(2) === 0 ? other : machine.source];
    const images = sources.map((source) => imageOfDirectory(source));
    const runs = sources.map((source, at) =>
      this.#world.backup(machine, troubles[at] ?? noTrouble, source),
    );
    // Another machine must not be able to write between them.
    const rival = this.#anyMachine();
    const rivalImage = imageOfDirectory(rival.source);
    const rivalRun = rival === machine ? undefined : this.#world.backup(rival, trouble);
    for (const [at, ended] of (await Promise.all(runs)).entries()) {
      this.#note(machine, ended);
      this.#promise(ended, sources[at] ?? '', images[at] ?? new Map());
      this.#assertExplained(machine, ended);
    }
    const rivalEnded = await rivalRun;
    if (rivalEnded === undefined) return;
    this.#note(rival, rivalEnded);
    this.#promise(rivalEnded, rival.source, rivalImage);
    this.#assertExplained(rival, rivalEnded);
  }

  async #restore(): Promise<void> {
    const machine = this.#anyMachine();
    this.history.push(`  ${machine.name} of ${this.#owner.name}'s, well: ${this.#ownerIsWell}`);
    const { value: snapshot, ...ended } = await this.#world.restore(machine, this.#drawTrouble());
    this.#note(machine, ended);
    // A reader follows the lineage that it was connected to; who writes must know of snapshots.
    const mustKnow = machine === this.#owner && this.#ownerIsWell && this.#promised.size > 0;
    if (mustKnow && isUntroubled(ended) && !ended.error && snapshot === undefined) {
      throw new Error('The machine that writes knows of no snapshot');
    }
    const promised = snapshot && this.#promised.get(snapshot.id);
    if (promised !== undefined) {
      const restored = imageOfDirectory(`${this.#world.root}/target${promised.source}`);
      assertSame(restored, promised.image, 'What was restored is not what was saved');
    }
    rmSync(`${this.#world.root}/target`, { recursive: true, force: true });
  }

  async #verify(): Promise<void> {
    const machine = this.#anyMachine();
    const ended = await this.#world.verify(machine, this.#drawTrouble());
    this.#note(machine, ended);
    if (!isUntroubled(ended) || this.#ails || ended.value === undefined) return;
    if (ended.value > 0) throw new Error(`Verify says that ${ended.value} objects are lost`);
  }

  async #takeOver(machine: SimMachine, trouble: Trouble): Promise<void> {
    const ended = await this.#world.connect(machine, true, trouble);
    this.#note(machine, ended);
    this.#ownerIsWell = ended.error === undefined && !ended.killed;
    if (this.#ownerIsWell) this.#owner = machine;
    else if (isUntroubled(ended) && !this.#ails) throw new Error(`No take-over: ${ended.error}`);
  }

  /** Another machine takes over; the one before does not know it and goes on. */
  async #rivals(): Promise<void> {
    const before = this.#owner;
    const other = this.#machines.find((machine) => machine !== before);
    if (this.#ails || other === undefined) return;
    await this.#takeOver(other, noTrouble);
    const order = this.#random.below(2) === 0 ? [before, other] : [other, before];
    for (const machine of [...order, ...order]) {
      if (this.#random.below(3) === 0) continue;
      this.#edit(machine);
      await this.#backup(machine, noTrouble);
    }
  }

  /**
   * A take-over is cut short, and nobody does it again: the machine before and the new one go on,
   * at once or one after the other. Never may both of them write.
   */
  async #deathInTakeOver(): Promise<void> {
    if (this.#ails || !this.#ownerIsWell) return;
    const before = this.#owner;
    const other = this.#machines.find((machine) => machine !== before) ?? this.#addMachine();
    const ended = await this.#world.connect(other, true, inTakeOver(this.#random));
    this.#note(other, ended);
    if (ended.error !== undefined && !ended.killed) throw ended.error;
    if (!ended.killed) this.#owner = other;
    // How far it had come tells which of the two may write, if any.
    this.#ownerIsWell = !ended.killed;
    const writers = this.#random.below(2) === 0 ? [before, other] : [other, before];
    for (const machine of writers) this.#edit(machine);
    const begin = (machine: SimMachine): (() => Promise<void>) => {
      const image = imageOfDirectory(machine.source);
      const run = this.#world.backup(machine, noTrouble);
      return async () => {
        const written = await run;
        this.#note(machine, written);
        this.#promise(written, machine.source, image);
        this.#assertExplained(machine, written);
        if (written.value !== undefined) reported.push(machine.name);
      };
    };
    const reported: string[] = [];
    if (this.#random.below(2) === 0) {
      for (const end of writers.map(begin)) await end();
    } else for (const machine of writers) await begin(machine)();
    if (reported.length > 1) throw new Error('Two machines write after a take-over was cut short');
    if (this.#ownerIsWell && reported[0] !== other.name) throw new Error('No one writes');
    await this.#takeOver(writers[0] ?? other, noTrouble);
  }

  /** A backup dies at the row of its commit; the next one finds nothing that has changed since. */
  async #deathAtCommit(): Promise<void> {
    const machine = this.#owner;
    if (this.#ails || !this.#ownerIsWell) return;
    this.#edit(machine);
    await this.#backup(machine, atCommit(this.#random));
    await this.#backup(machine, noTrouble);
  }

  #addMachine(): SimMachine {
    const machine = this.#world.addMachine();
    this.#machines.push(machine);
    this.#edit(machine);
    return machine;
  }

  async #connect(): Promise<void> {
    const isNew = this.#machines.length < machinesMax;
    const machine = isNew ? this.#addMachine() : this.#machines.at(-1);
    if (machine === undefined || machine === this.#owner) return;
    if (!isNew) this.#world.forget(machine, 'all');
    const ended = await this.#world.connect(machine, false, this.#drawTrouble());
    this.#note(machine, ended);
    if (isUntroubled(ended) && !this.#ails && ended.error) throw ended.error;
    if (!isUntroubled(ended) || this.#ails || !this.#ownerIsWell) return;
    // It may read; that it writes beside the owner must be refused.
    const writers = [this.#owner, machine];
    const images = writers.map(({ source }) => imageOfDirectory(source));
    const ends = await Promise.all(writers.map((each) => this.#world.backup(each, noTrouble)));
    for (const [at, written] of ends.entries()) {
      this.#note(writers[at] ?? machine, written);
      this.#promise(written, writers[at]?.source ?? '', images[at] ?? new Map());
    }
  }

  /** Two machines with the same files write at once, as when a disk was cloned. */
  async #fork(): Promise<void> {
    if (this.#ails || !this.#ownerIsWell) return;
    const twin = this.#world.fork(this.#owner);
    this.#edit(twin);
    const both = [this.#owner, twin];
    const images = both.map(({ source }) => imageOfDirectory(source));
    const ends = await Promise.all(both.map((machine) => this.#world.backup(machine, noTrouble)));
    const disputed = new Map<string, Promised>();
    for (const [at, { value: id }] of ends.entries()) {
      const source = both[at]?.source ?? '';
      if (id !== undefined) disputed.set(id, { source, image: images[at] ?? new Map() });
    }
    // What is reported after that counts: to go on in both histories is refused.
    for (const machine of this.#random.below(2) === 0 ? both : both.toReversed()) {
      this.#edit(machine);
      const image = imageOfDirectory(machine.source);
      const ended = await this.#world.backup(machine, noTrouble);
      this.#note(machine, ended);
      this.#promise(ended, machine.source, image);
      if (ended.error !== undefined && !refusals.has(ended.error.code)) {
        throw new Error(`A fork was refused without its reason: ${describe(ended.error)}`);
      }
    }
    // One of the two histories goes on; the other one is not believed any more, but it is not one
    // from which something would be promised that is not so.
    await this.#takeOver(this.#owner, noTrouble);
    const kept = await this.#world.fromMirrors(async (repository) =>
      listSnapshots(repository).map(({ id }): string => id),
    );
    for (const [id, promised] of disputed) if (kept.includes(id)) this.#promised.set(id, promised);
    if (disputed.size > 0 && ![...disputed.keys()].some((id) => kept.includes(id))) {
      throw new Error('Of two histories none has gone on');
    }
  }

  /** Only what every mirror has may be taken away from one of them. */
  async #heal(what: Treatment): Promise<void> {
    const [world, random, owner] = [this.#world, this.#random, this.#owner];
    const mirrorsMin = removals.has(what) ? world.mirrorsMin + 1 : 2;
    if (world.mirrors.length < mirrorsMin) return;
    this.#makeWell();
    const save = async (trouble: Trouble = noTrouble): Promise<void> => {
      this.#edit(owner);
      await this.#backup(owner, trouble);
    };
    const note = (machine: SimMachine, ended: Ended<unknown>): void => this.#note(machine, ended);
    const tell = (told: string): void => void this.history.push(`  ${told}`);
    // What goes wrong meanwhile has its reason, also if all is well again by then.
    this.#isUnsynced = ailing.has(what);
    await what({ world, random, owner, save, note, tell });
    this.#isUnsynced = false;
  }

  // --- what happens to them

  #edit(machine: SimMachine): void {
    editTree(machine.source, this.#random);
  }

  /** A machine is put back to how it was some backups ago, and its user goes on. */
  async #yesterday(): Promise<void> {
    const machine = this.#owner;
    this.#world.keepCopy(machine);
    for (let backups = 1 + this.#random.below(2); backups > 0; backups--) {
      this.#edit(machine);
      await this.#backup(machine, noTrouble);
    }
    await this.#bringBackCopy(machine);
  }

  /**
   * Mirrors and catalogs come back as they were some backups ago, all alike; what a machine
   * remembers does not, and speaks of a history that never was. What was promised meanwhile is gone.
   */
  async #allOldButCache(): Promise<void> {
    if (this.#ails) return;
    const machine = this.#owner;
    const bringBack = this.#world.keepAll();
    const promised = [...this.#promised];
    const backups = 1 + this.#random.below(2);
    for (let left = backups; left > 0; left--) {
      this.#edit(machine);
      await this.#backup(machine, noTrouble);
    }
    this.#world.keepCopy(machine);
    bringBack();
    this.#promised.clear();
    for (const [id, image] of promised) this.#promised.set(id, image);
    // None, fewer or more than there were; with others in the place of what was remembered.
    for (let left = this.#random.below(backups + 2); left > 0; left--) {
      this.#edit(machine);
      await this.#backup(machine, noTrouble);
    }
    this.#world.bringBackCopy(machine, 'cache');
    if (this.#random.below(3) === 0) this.#edit(machine);
    // The machine has seen more than there is now, and may say so. Once its user has told it to go
    // on, what else it remembers must do no harm.
    this.#wasPutBack = true;
    this.#ownerIsWell = false;
    await this.#backup(machine, noTrouble);
    this.#ownerIsWell = true;
    await this.#backup(machine, noTrouble);
    this.#world.keepCopy(machine);
  }

  async #bringBackCopy(machine: SimMachine = this.#mostlyOwner()): Promise<void> {
    if (!this.#world.hasCopy(machine)) return;
    const part = (['all', 'catalog', 'cache'] as const)[this.#random.below(3)] ?? 'all';
    this.history.push(`  ${part} of ${machine.name}`);
    this.#world.bringBackCopy(machine, part);
    if (machine === this.#owner) this.#ownerIsWell = false;
    // Its user does not know that anything is old.
    if (this.#random.below(4) > 0) await this.#backup(machine, noTrouble);
  }

  #forget(): void {
    const machine = this.#anyMachine();
    const part = this.#random.below(3) === 0 ? 'all' : 'cache';
    this.history.push(`  ${part} of ${machine.name}`);
    this.#world.forget(machine, part);
    if (machine === this.#owner && part === 'all') this.#ownerIsWell = false;
  }

  #letMirrorAil(): void {
    const { mirrors } = this.#world;
    const mirror = mirrors[this.#random.below(mirrors.length)];
    if (this.#ails || mirror === undefined) return;
    let ailment: Ailment =
      (['down', 'old', 'empty', 'lying'] as const)[this.#random.below(4)] ?? 'down';
    // The only copy of something cannot be taken away without loss.
    if ((this.#mayOwe || mirrors.length === 1) && ailment !== 'down') ailment = 'down';
    this.history.push(`  ${mirror.name} is ${ailment}`);
    if (ailment === 'old') {
      if (!mirror.hasCopy) return;
      mirror.comeBackOld();
      this.#isUnsynced = true;
    }
    if (ailment === 'empty') {
      mirror.keepCopy();
      mirror.objects = new Map();
    }
    mirror.ailment = ailment;
  }

  /** The mirror is there again, and a sync brings it what it lacks. */
  #makeWell(): void {
    const { mirrors } = this.#world;
    for (const mirror of mirrors) {
      if (mirror.ailment === 'empty') mirror.comeBackOld();
      mirror.ailment = 'none';
    }
    for (const mirror of mirrors) mirror.takeFrom(mirrors);
    for (const mirror of mirrors) if (this.#random.below(2) === 0) mirror.keepCopy();
    this.#isUnsynced = false;
    this.#mayOwe = false;
  }

  // --- what must hold

  get #ails(): boolean {
    return this.#isUnsynced || this.#world.mirrors.some(({ ailment }) => ailment !== 'none');
  }

  #anyMachine(): SimMachine {
    return this.#machines[this.#random.below(this.#machines.length)] ?? this.#owner;
  }

  #mostlyOwner(): SimMachine {
    return this.#random.below(4) === 0 ? this.#anyMachine() : this.#owner;
  }

  #drawTrouble(): Trouble {
    // While a mirror ails, a second fault could hide an object from a machine that has none of it.
    const mayFail = !this.#ails && this.#world.mirrors.length > 1;
    return drawTrouble(this.#random, {
      mirrors: this.#world.mirrors.map(({ name }) => name),
      mayFail,
    });
  }

  #note(machine: SimMachine, { error, killed, faults }: Ended<unknown>): void {
    if (killed || faults > 0 || this.#ails) this.#mayOwe = true;
    const end = killed ? 'killed' : (error?.code ?? 'done');
    this.#count(end);
    this.history.push(`  ${machine.name}: ${end}${faults > 0 ? `, ${faults} faults` : ''}`);
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  #promise(ended: Ended<string>, source: string, image: Image): void {
    if (ended.value !== undefined) this.#promised.set(ended.value, { source, image });
  }

  /** Nothing fails in a way that a user could not be told the reason of. */
  #assertExplained(machine: SimMachine, { error, killed, faults }: Ended<unknown>): void {
    if (error === undefined || killed) return;
    const isRefused = refusals.has(error.code) && !(machine === this.#owner && this.#ownerIsWell);
    const isUnreachable = error.kind === 'Unavailable' && (faults > 0 || this.#ails);
    if (this.#wasPutBack && error.code === 'HISTORY_ROLLED_BACK') {
      this.#world.forgetHighestEntry(machine);
      return;
    }
    if (!isRefused && !isUnreachable && !(this.#ails && unseen.has(error.code))) {
      throw new Error(`It failed without a reason: ${describe(error)}`, { cause: error });
    }
  }

  async #check(snapshotsRead: number): Promise<void> {
    this.#world.checkNames();
    if (this.#world.mirrors.every(({ ailment }) => ailment === 'down' || ailment === 'empty'))
      return;
    await this.#world.fromMirrors(async (repository) => {
      const { packs } = repository.state;
      // Only what a mirror has lost since may be missing there.
      const hasLost =
        this.#isUnsynced || this.#world.mirrors.some(({ ailment }) => ailment === 'empty');
      const copiesMin = hasLost ? 1 : this.#world.mirrorsMin;
      for (const { name } of packs.all()) {
        const key = `packs/${name.slice(0, 2)}/${name}`;
        const copies = this.#world.mirrors.filter(({ objects }) => objects.has(key)).length;
        if (copies < copiesMin) throw new Error(`Pack ${name} is in ${copies} mirrors`);
      }
      await this.#checkEntries(repository, copiesMin);
      const snapshots = new Map(listSnapshots(repository).map((info) => [info.id as string, info]));
      for (const id of this.#promised.keys()) {
        if (!snapshots.has(id)) throw new Error(`Snapshot ${id} is gone from the history`);
      }
      if (this.#ails) return;
      const ids = [...this.#promised.keys()];
      // The newest always: if something has just gone wrong, it is there.
      let at = ids.length - 1;
      for (let left = Math.min(snapshotsRead, ids.length); left > 0; left--) {
        const [id = ''] = ids.splice(at, 1);
        at = this.#random.below(Math.max(1, ids.length));
        const [promised, snapshot] = [this.#promised.get(id), snapshots.get(id)];
        if (promised === undefined || snapshot === undefined) continue;
        const image = await imageOf(repository, snapshot, promised.source);
        assertSame(image, promised.image, `Snapshot ${id} is not what was saved`);
      }
    });
  }

  /** Every entry up to the last that was reported is in enough mirrors. */
  async #checkEntries({ log, state }: Repository, copiesMin: number): Promise<void> {
    const committed = [...state.snapshots].map(([id, { number }]) =>
      this.#promised.has(id) ? number : 0,
    );
    const last = Math.max(0, ...committed);
    for await (const row of log.rows(0)) {
      if (row.number > last) return;
      const key = entryKey(row.lineage, row.number, row.hash);
      const copies = this.#world.mirrors.filter(({ objects }) => objects.has(key)).length;
      if (copies < copiesMin) throw new Error(`${key} is in ${copies} mirrors`);
    }
  }
}
