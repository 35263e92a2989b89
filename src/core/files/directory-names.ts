import { opendirSync, readdirSync } from 'node:fs';
import { byteStringOf, type ByteString } from '../base/index.ts';
import { reach } from './long-path.ts';
import { sourceError } from './source-error.ts';

/** The names in a directory, each once, ascending as bytes. */
export interface DirectoryNames {
  /** The next name, or undefined after the last. */
  next(): ByteString | undefined;
  /** Is this one of the names that were asked after? */
  has(name: ByteString): boolean;
}

/** A directory that takes up more is not read in one go. */
const largeDirectoryBytes = 256 * 1024;

/** Are its names too many for one list, going by the size that its stat gave? */
export function isLargeDirectory(sizeBytes: number): boolean {
  return sizeBytes > largeDirectoryBytes;
}

/**
 * Reads the names of a directory. `sizeBytes` is the size its stat gave, a hint at how many there
 * are: those of a large one are kept as sorted, packed runs, because a million names as strings
 * and once more in the system's own list take three times the memory.
 *
 * `askedAfter` are the names that `has` will be asked about.
 */
export function readNames(
  path: ByteString,
  sizeBytes: number,
  askedAfter: readonly ByteString[] = [],
  runNamesMax = 65_536,
): DirectoryNames {
  try {
    return reach(path, (reachable) =>
      isLargeDirectory(sizeBytes)
        ? readInRuns(reachable, askedAfter, runNamesMax)
        : new ListedNames(namesAt(reachable), askedAfter),
    );
  } catch (error) {
    throw sourceError(error, path, 'list');
  }
}

/** The names of a list, in no order; `askedAfter` as in `readNames`, all of them by default. */
export function listedNames(
  names: readonly ByteString[],
  askedAfter: readonly ByteString[] = names,
): DirectoryNames {
  return new ListedNames([...names], askedAfter);
}

function namesAt(reachable: string | Buffer): ByteString[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- latin1 gives one character a byte
  return readdirSync(reachable, 'latin1') as ByteString[];
}

function readInRuns(
  reachable: string | Buffer,
  askedAfter: readonly ByteString[],
  runNamesMax: number,
): DirectoryNames {
  const runs: Buffer[] = [];
  const found = new Set<ByteString>();
  let run: ByteString[] = [];
  const directory = opendirSync(latin1Path(reachable), { encoding: 'latin1', bufferSize: 1024 });
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- latin1 gives one character a byte
      const name = entry.name as ByteString;
      if (askedAfter.includes(name)) found.add(name);
      run.push(name);
      if (run.length === runNamesMax) {
        runs.push(packed(run));
        run = [];
      }
    }
  } finally {
    directory.closeSync();
  }
  if (runs.length === 0) return new ListedNames(run, askedAfter);
  runs.push(packed(run));
  return new MergedNames(runs, found);
}

// `opendirSync` is typed for strings only but takes Buffers as every other function does.
function latin1Path(reachable: string | Buffer): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return reachable as string;
}

/** Names never hold a slash, so one ends each of them. */
function packed(names: ByteString[]): Buffer {
  return Buffer.from(names.sort().join('/'), 'latin1');
}

const none: ReadonlySet<ByteString> = new Set();

class ListedNames implements DirectoryNames {
  readonly #names: readonly ByteString[];
  readonly #found: ReadonlySet<ByteString>;
  #index = 0;
  #last: ByteString | undefined;

  constructor(names: ByteString[], askedAfter: readonly ByteString[]) {
    this.#names = names.sort();
    this.#found =
      askedAfter.length === 0 ? none : new Set(askedAfter.filter((name) => names.includes(name)));
  }

  next(): ByteString | undefined {
    let name = this.#names[this.#index++];
    // A directory that is changed while it is listed may give a name twice.
    while (name !== undefined && name === this.#last) name = this.#names[this.#index++];
    this.#last = name;
    return name;
  }

  has(name: ByteString): boolean {
    return this.#found.has(name);
  }
}

interface Run {
  readonly bytes: Buffer;
  at: number;
  head: ByteString;
}

class MergedNames implements DirectoryNames {
  /** Those that have names left. */
  #runs: Run[];
  readonly #found: ReadonlySet<ByteString>;
  #last: ByteString | undefined;

  constructor(runs: readonly Buffer[], found: ReadonlySet<ByteString>) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- replaced at once by the first name
    this.#runs = runs.map((bytes) => ({ bytes, at: 0, head: '' as ByteString })).filter(advance);
    this.#found = found;
  }

  next(): ByteString | undefined {
    for (;;) {
      const name = this.#takeLeast();
      if (name === undefined || name !== this.#last) {
        this.#last = name;
        return name;
      }
    }
  }

  has(name: ByteString): boolean {
    return this.#found.has(name);
  }

  /** Looks at the head of each run: there are 16 for a million names. */
  #takeLeast(): ByteString | undefined {
    let least: Run | undefined;
    for (const run of this.#runs) if (least === undefined || run.head < least.head) least = run;
    if (least === undefined) return undefined;
    const name = least.head;
    if (!advance(least)) this.#runs = this.#runs.filter((run) => run !== least);
    return name;
  }
}

/** Moves to the next name of a run; false if there is none. */
function advance(run: Run): boolean {
  if (run.at >= run.bytes.length) return false;
  const slash = run.bytes.indexOf(0x2f, run.at);
  const end = slash === -1 ? run.bytes.length : slash;
  run.head = byteStringOf(run.bytes.subarray(run.at, end));
  run.at = end + 1;
  return true;
}
