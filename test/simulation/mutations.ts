/** A change of one place in the sources. */
export interface Change {
  /** Below `src/core`. */
  readonly file: string;
  /** Occurs once in the file. */
  readonly from: string;
  readonly to: string;
}

/** A mistake that somebody could make. */
export interface Mutation extends Change {
  readonly name: string;
  /** Rules behind it that would make up for it, and are taken away too. */
  readonly and?: readonly Change[];
  /** What must happen for it to matter, and is rare among everything else. */
  readonly only?: readonly string[];
  /** What finds it where the simulation cannot; run beside it. Arguments of vitest. */
  readonly test?: readonly string[];
}

/**
 * Mistakes in the rules that keep data safe. A simulation that does not fail with each of them
 * proves nothing: `npm run test:sim:mutations` makes them one by one and tells.
 */
export const mutations: readonly Mutation[] = [
  {
    name: 'a foreign lineage is not refused',
    file: 'repository/mirror-history.ts',
    from: 'if (await hasForeignHistory(mirror, known, look)) throw foreignLineage(mirror);',
    to: '',
  },
  {
    name: 'a second entry of one number is not refused',
    file: 'repository/mirror-history.ts',
    from: 'throw forkedHistory(mirror, entry.number);',
    to: 'continue;',
  },
  {
    name: 'entries that the catalog lacks are not brought in',
    file: 'repository/mirror-history.ts',
    from: 'for (const row of newer) await log.bringIn(row);',
    to: '',
  },
  {
    name: 'a machine that was connected for reading may write',
    file: 'repository/open-repository.ts',
    from: 'if (follows && !repository.readOnly) throw takeOverNeeded();',
    to: '',
  },
  {
    name: 'a take-over that was cut short counts as done',
    file: 'repository/open-repository.ts',
    from: "if ((await catalog.getMeta(metaKeys.filling)) === 'yes') throw connectUnfinished();",
    to: '',
    only: ['edit', 'backup', 'death in a take-over'],
  },
  {
    name: 'a healer takes every copy for a good one',
    file: 'snapshot/run-heal.ts',
    from: `judge: judgeWithKeys(repository),
    atHand:`,
    to: `judge: async () => undefined,
    atHand:`,
    only: ['edit', 'healers race'],
  },
  {
    name: 'a copy of which each read says something else counts as damaged',
    file: 'verify/read-copy.ts',
    from: 'if (agree(first.bad, bad)) return',
    to: 'if (bad.detail.length > 0) return',
    only: ['edit', 'healers race while one ails'],
  },
  {
    name: 'a mirror is removed though another one is owed what it has',
    file: 'repository/remove-mirror.ts',
    from: 'if (belowMin > 0 && !lost) throw copiesTooFew(name, { objects: belowMin, mirrorsMin });',
    to: '',
    only: ['edit', 'mirror removed and added'],
  },
  {
    name: 'a pack is logged before it is stored',
    file: 'repository/write-session.ts',
    from: `const { settled } = await mirrors.put(packKey(pack.name), [bytes], { signal: this.#signal });
    void settled.then(release, release);`,
    to: `void mirrors.put(packKey(pack.name), [bytes], { signal: this.#signal }).then(({ settled }) => settled).then(release, release);`,
  },
  {
    name: 'a commit does not wait for its packs',
    file: 'repository/write-session.ts',
    from: `  async commit(snapshot: SnapshotRecord, record: Uint8Array): Promise<void> {
    await this.settle();`,
    to: `  async commit(snapshot: SnapshotRecord, record: Uint8Array): Promise<void> {`,
    // A backup waits before it commits, and counts what was claimed and is not stored.
    and: [
      {
        file: 'backup/run-backup.ts',
        from: '  trees.finish();\n  await session.settle();',
        to: '  trees.finish();',
      },
      {
        file: 'backup/run-backup.ts',
        from: 'assert(claimedCount === 0,',
        to: 'assert(claimedCount >= 0,',
      },
    ],
  },
  {
    name: 'a commit is reported before its entry is in the mirrors',
    file: 'repository/entry-log.ts',
    from: `await this.#options.mirrors.put(entryKey(row.lineage, row.number, row.hash), [bytes], {
        signal: options.signal,
      });`,
    to: `void this.#options.mirrors.put(entryKey(row.lineage, row.number, row.hash), [bytes], {
        signal: options.signal,
      }).catch(() => {});`,
  },
  {
    name: 'an entry that another one has begun is not finished before the next is reported',
    file: 'repository/entry-log.ts',
    from: 'await this.#finish(this.#assured, row.number, options.signal);',
    to: '',
  },
  {
    name: 'one copy is enough',
    file: 'mirror/quorum-write.ts',
    from: 'if (this.#stored.length >= mirrorsMin) this.#reach();',
    to: 'if (this.#stored.length >= 1) this.#reach();',
  },
  {
    name: 'an old state is taken as current',
    file: 'repository/open-repository.ts',
    from: 'return row.hash === state.tip.hash && row.lineage === state.tip.lineage;',
    to: 'return true;',
  },
  {
    name: 'old notes of what is unchanged are taken as current',
    file: 'backup/open-local-state.ts',
    from: 'if (!fits || !(await repository.holdsEntry(saved))) state.clear();',
    to: '',
  },
  {
    name: 'notes of what is unchanged are kept before the commit',
    file: 'backup/run-backup.ts',
    from: `await session.commit(record, chunk);
  await keepState(work, saved);`,
    to: `await keepState(work, saved);
  await session.commit(record, chunk);`,
    // What the notes speak of was logged before, and the next backup puts it into the journal.
    and: [
      {
        file: 'repository/recover-packs.ts',
        from: 'if (!(await noteCopies(repository, pack.name, signal))) continue;',
        to: 'if (repository.packBytes > 0) continue;',
      },
    ],
    only: ['edit', 'backup', 'death at the commit'],
  },
  {
    name: 'files that a killed run finished count though their chunks are not stored',
    file: 'backup/recover-sessions.ts',
    from: 'if (await isFinished(result, trees, repository)) finished.push(result);',
    to: 'finished.push(result);',
    // A file is looked at again before what is remembered of it is used.
    and: [
      {
        file: 'backup/scan.ts',
        from: `resumed !== undefined && this.#mayReuse(resumed)`,
        to: `resumed !== undefined`,
      },
    ],
  },
  {
    name: 'chunks are not checked against their ids',
    file: 'repository/chunk-reader.ts',
    from: 'if (!bytesEqual(expected, id)) {',
    to: 'if (expected.byteLength !== id.byteLength) {',
    // No mirror can do this: blocks are sealed. Somebody with the keys can.
    test: ['test/manipulation/key-holder.test.ts', '-t', 'cannot lead back to itself'],
  },
];
