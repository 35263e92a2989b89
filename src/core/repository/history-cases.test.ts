import { encode } from 'cborg';
import { describe, expect, it, test } from 'vitest';
import {
  readHistoryCases,
  type CaseEntry,
  type HistoryCase,
  type Oddity,
} from '../../../test/support/history-cases.ts';
import {
  createMachine,
  createWorld,
  keys,
  repository,
} from '../../../test/support/journal-world.ts';
import { seededBytes } from '../../../test/support/seeded-random.ts';
import {
  toHex,
  type LineageId,
  type ObjectHash,
  type PackName,
  type RepositoryId,
  type WriterId,
} from '../base/index.ts';
import { seal, sealTagBytes } from '../crypto/index.ts';
import {
  encodeEntryStart,
  encodePayloadPlaintext,
  encodePayloadStart,
  noHash,
  objectHashOf,
} from '../format/index.ts';
import { entryKey, payloadKey } from './object-keys.ts';
import { readHistory } from './rebuild.ts';

/* What stands in docs/format.md section 16, which test/independent-reader runs too. */

const cases = readHistoryCases();

const idOf = (what: string, bytes = 16): Buffer => seededBytes(what, bytes);
const hexOf = (what: string, bytes = 16): string => toHex(idOf(what, bytes));

/** The word behind one of these in a record. */
function wordBehind(words: readonly string[], word: string): string | undefined {
  const at = words.indexOf(word);
  return at === -1 ? undefined : words[at + 1];
}

function snapshotOf(name: string, words: readonly string[]): Record<string, unknown> {
  const stats = ['files', 'dirs', 'others', 'bytes', 'filesNew', 'filesChanged', 'filesUnchanged'];
  return {
    version: 1,
    id: idOf(`snapshot ${name}`),
    time: Number(wordBehind(words, 'at') ?? 1),
    finished: 10,
    host: 'host',
    user: 'user',
    source: idOf(`source ${wordBehind(words, 'of') ?? 'y'}`),
    paths: [Buffer.from('/home')],
    root: idOf('root', 32),
    tags: [],
    ...(words.includes('partial') && { partial: true }),
    problems: 0,
    missing: [],
    stats: Object.fromEntries([...stats, 'bytesNew', 'bytesStored'].map((stat) => [stat, 0])),
    users: new Map(),
    groups: new Map(),
    program: 'versions',
  };
}

function recordOf(words: readonly string[], hashes: ReadonlyMap<string, ObjectHash>): unknown {
  const [type = '', ...rest] = words;
  const session = (name: string | undefined): Buffer => idOf(`session ${name ?? 's'}`);
  const inSession = session(wordBehind(words, 'in'));
  const names = rest.slice(0, rest.includes('in') ? rest.indexOf('in') : undefined);
  const [first = ''] = rest;
  switch (type) {
    case 'lineage':
      return { type, reason: 'rebuild' };
    case 'session':
      return { type, session: session(first), base: 1, host: 'host' };
    case 'end':
      return { type, session: session(first) };
    case 'snapshot': {
      const snapshot = snapshotOf(first, rest);
      // After `record of` stands the snapshot whose chunk is named instead.
      const other = rest.includes('record') ? snapshotOf(rest.at(-1) ?? '', []) : snapshot;
      const record = keys.ids.idOf(3, encode(other));
      return { type, session: inSession, record, snapshot };
    }
    case 'packs': {
      const packs = names.map((name) => [
        idOf(`pack ${name}`, 32),
        300,
        30,
        1,
        1,
        idOf('salt', 32),
      ]);
      return { type, session: inSession, packs };
    }
    case 'swept':
    case 'condemn':
    case 'rescue':
      return { type, packs: names.map((name) => idOf(`pack ${name}`, 32)) };
    case 'forget':
      return { type, snapshots: names.map((name) => idOf(`snapshot ${name}`)) };
    case 'fence':
      return { type, [first]: idOf(`${first} ${rest[1] ?? ''}`) };
    case 'merged':
      return { type, entries: names.map((name) => Buffer.from(hashes.get(name) ?? '', 'hex')) };
    case 'optional':
      return { type: 'later', optional: true };
    case 'unknown':
      return { type: 'later' };
    default:
      throw new Error(`"${type}" is not known`);
  }
}

interface Sealed {
  readonly bytes: Uint8Array;
  readonly hash: ObjectHash;
  readonly payload?: Uint8Array | undefined;
}

/** Byte for byte as the page says, with what is odd about it; `attempt` gives other salts. */
function sealed(entry: CaseEntry, hashes: ReadonlyMap<string, ObjectHash>, attempt = 0): Sealed {
  const { name, oddity } = entry;
  const records = entry.records.map((words) => recordOf(words, hashes));
  if (oddity === 'malformed') records.push({ type: 'forget' });
  const encoded = encode(records);
  const plaintext = Buffer.from(
    encodePayloadPlaintext({ codec: 0, bytes: encoded }, encoded.byteLength),
  );
  if (oddity === 'codec 7') plaintext[0] = 7;
  const { suite, epoch } = keys;
  const sealedWith = (
    what: string,
    plain: Uint8Array,
    start: (salt: Buffer, sealedBytes: number) => Uint8Array,
  ): Buffer => {
    const salt = idOf(`${what} ${name} ${attempt}`, 32);
    const aad = start(salt, plain.byteLength + sealTagBytes);
    // The header's version stands behind the magic.
    if (what === 'entry' && oddity === 'format 2') aad[8] = 2;
    return Buffer.concat([aad, seal(keys.sealingKey('journal', epoch, salt), 0, aad, plain)]);
  };
  let payload: Buffer | undefined;
  if (oddity?.startsWith('payload')) {
    const own = oddity === 'payload lost' ? repository : (hexOf('stranger') as RepositoryId);
    payload = sealedWith('payload', plaintext, (salt, sealedBytes) =>
      encodePayloadStart({ suite, epoch, repository: own, salt, sealedBytes }),
    );
  }
  const bytes = sealedWith(
    'entry',
    payload === undefined ? plaintext : Buffer.alloc(0),
    (salt, sealedBytes) =>
      encodeEntryStart(
        { suite, epoch, repository, salt, sealedBytes },
        {
          number: entry.number,
          lineage: hexOf(`lineage ${entry.lineage}`) as LineageId,
          entryId: hexOf(`entry ${name}`),
          writer: hexOf(`writer ${entry.writer}`) as WriterId,
          time: entry.time,
          previous: hashes.get(entry.after ?? '') ?? noHash,
          payload: payload && objectHashOf(payload),
        },
      ),
  );
  const made = { bytes, hash: objectHashOf(bytes), payload };
  const than = hashes.get(entry.greaterThan ?? '') ?? '';
  return made.hash < than ? sealed(entry, hashes, attempt + 1) : made;
}

interface Read {
  readonly history: readonly string[];
  readonly snapshots: readonly string[];
  readonly packs?: readonly string[] | undefined;
  readonly readOnly: boolean;
  readonly problems: readonly string[];
}

/** Puts the objects of a case into a mirror and reads them like a machine that knows nothing. */
async function read({ entries, packs }: HistoryCase, isForWriting = false): Promise<Read> {
  const world = await createWorld(1);
  const memory = world.mirrors[0]?.memory;
  const hashes = new Map<string, ObjectHash>();
  for (const entry of entries) {
    const { bytes, hash, payload } = sealed(entry, hashes);
    hashes.set(entry.name, hash);
    if (entry.oddity === 'lost') continue;
    const number = entry.number + (entry.oddity === 'misplaced' ? 1 : 0);
    const lineage = hexOf(`lineage ${entry.lineage}`) as LineageId;
    await memory?.put(entryKey(lineage, number, hash), [bytes]);
    if (payload && entry.oddity !== 'payload lost')
      await memory?.put(payloadKey(objectHashOf(payload)), [payload]);
  }
  const { log, state, monitor } = createMachine(world);
  const nameOf = new Map([...hashes].map(([name, hash]) => [hash, name]));
  const history: string[] = [];
  for await (const { hash } of readHistory({
    mirrors: world.set,
    keys,
    repository,
    isForWriting,
    isAuthentic: (bytes, place) => log.isAuthentic(bytes, place),
    takeIn: (row) => log.takeIn(row),
    monitor,
  }))
    history.push(nameOf.get(hash) ?? hash);
  const known = new Map(['A', 'B', 'C', 'D', 'E'].map((name) => [hexOf(`snapshot ${name}`), name]));
  const snapshots = [...state.snapshots.values()]
    .toSorted((a, b) => a.record.time - b.record.time || a.number - b.number)
    .map(({ record }) => known.get(record.id) ?? record.id);
  const there = new Set<string>(state.packs.all().map(({ name }) => name));
  const live = ['p', 'q', 'r'].filter((name) => {
    const pack = hexOf(`pack ${name}`, 32) as PackName;
    return there.has(pack) && state.packs.lifeOf(pack) !== 'swept';
  });
  return {
    history,
    snapshots,
    packs: packs && live,
    readOnly: state.unknownRecords.size > 0,
    problems: monitor.problems.map(({ code }) => code),
  };
}

describe('docs/format.md section 16', () => {
  test('has cases', () => {
    expect(cases.length).toBeGreaterThan(30);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  test.each(cases)('$name', async (one) => {
    const { history, snapshots, packs, readOnly } = one;
    expect(await read(one)).toMatchObject({ history, snapshots, packs, readOnly });
  });
});

describe('what is told of entries that do not count', () => {
  const withOddity = (oddity: Oddity): HistoryCase => {
    const found = cases.find(({ entries }) => entries.some((entry) => entry.oddity === oddity));
    if (found === undefined) throw new Error(`No case has the oddity "${oddity}"`);
    return found;
  };

  it.each([
    ['lost', ['HISTORY_GAP']],
    ['payload lost', ['ENTRY_UNREADABLE', 'HISTORY_GAP']],
    ['payload of another repository', ['ENTRY_UNREADABLE', 'HISTORY_GAP']],
    ['malformed', ['ENTRY_UNREADABLE', 'HISTORY_GAP']],
    ['format 2', ['FORMAT_TOO_NEW', 'HISTORY_GAP']],
    ['codec 7', ['FORMAT_TOO_NEW', 'HISTORY_GAP']],
  ] as const)('%s', async (oddity, problems) => {
    expect((await read(withOddity(oddity))).problems).toEqual(problems);
  });

  it('what a newer version surely wrote stops who would go on from the rest', async () => {
    await expect(read(withOddity('codec 7'), true)).rejects.toMatchObject({ kind: 'Unsupported' });
  });

  it('a header that says so stops nobody: anybody can write it', async () => {
    const { history, problems } = await read(withOddity('format 2'), true);
    expect(history).toEqual(['1', '2']);
    expect(problems).toEqual(['FORMAT_TOO_NEW', 'HISTORY_GAP']);
  });

  it('in a branch too', async () => {
    const branch = withOddity('codec 7');
    const [beginning, second] = branch.entries;
    if (beginning === undefined || second === undefined) throw new Error('There are two');
    const other = { ...second, name: '2b', lineage: 'M', after: beginning.name };
    const forked = { ...branch, entries: [...branch.entries, other] };
    expect(await read(forked)).toMatchObject({
      history: expect.toSatisfy((names: readonly string[]) => names.length === 2),
      problems: expect.arrayContaining(['FORMAT_TOO_NEW']),
    });
    await expect(read(forked, true)).rejects.toMatchObject({ kind: 'Unsupported' });
  });
});
