import { posix } from 'node:path';
import { codeOnly, isTestFile, type SourceFile, withoutComments } from './source-files.ts';

/** Which rooms a room may import, beside those that every room may. */
export type RoomTable = Readonly<Record<string, readonly string[]>>;

/** A file that may use something the core otherwise never touches, and why. */
export interface Exception {
  readonly path: string;
  readonly uses: readonly string[];
  readonly because: string;
}

/** What every room may import. */
export const foundation: readonly string[] = ['base', 'errors', 'monitor'];

const algorithms = ['chunking', 'compression', 'crypto'];
const stores = ['store', 'journal', 'catalog', 'mirror'];
const keyless = ['verify', 'heal', 'damage'];
const belowRepository = [
  'config',
  ...algorithms,
  'format',
  'files',
  ...stores,
  ...keyless,
  'workers',
];

/** The room table of docs/design.md. */
export const rooms: RoomTable = {
  base: [],
  errors: [],
  monitor: [],
  config: [],
  cost: [],
  chunking: [],
  compression: [],
  crypto: [],
  format: [],
  files: [],
  store: [],
  journal: [],
  catalog: ['format'],
  mirror: ['store', 'catalog'],
  // Keyless: neither may ever import crypto.
  verify: ['mirror', 'catalog', 'format'],
  heal: ['verify', 'mirror', 'catalog', 'format'],
  damage: ['verify', 'mirror', 'format'],
  workers: [...algorithms, 'format', 'files'],
  repository: belowRepository,
  rebuild: ['repository', ...belowRepository],
  snapshot: ['repository', ...belowRepository],
  backup: ['snapshot', 'repository', ...belowRepository],
  restore: ['snapshot', 'repository', ...belowRepository],
  prune: ['snapshot', 'repository', ...belowRepository],
  sync: ['snapshot', 'repository', ...belowRepository],
};

/** Where the core may touch the world directly, because something has to. */
export const exceptions: readonly Exception[] = [
  {
    path: 'src/core/base/clock.ts',
    uses: ['the wall clock', 'a timer', 'randomness'],
    because: 'it is the clock and the random source that everything else is handed',
  },
];

const bannedInCore: readonly (readonly [what: string, pattern: RegExp])[] = [
  [
    'the wall clock',
    /\bDate\s*\.\s*now\b|\bnew\s+Date\s*(?:\(\s*\)|(?!\s*\())|\bperformance\s*\.\s*now\b/,
  ],
  ['a timer', /\b(?:setTimeout|setInterval)\b|['"](?:node:)?timers(?:\/promises)?['"]/],
  [
    'randomness',
    /\bMath\s*\.\s*random\b|\b(?:randomBytes|randomUUID|randomInt|randomFill(?:Sync)?|getRandomValues)\b/,
  ],
  ['the environment', /\bprocess\s*\.\s*env\b|\bprocess\s*\[/],
  [
    'the process',
    /\bprocess\s*\.\s*(?:argv|cwd|chdir|exit|exitCode|stdin|stdout|stderr|on|once|kill)\b|['"](?:node:)?process['"]/,
  ],
  ['the console', /\bconsole\b/],
];

/** Everything in the files that breaks the architecture, one sentence each. */
export function findViolations(files: readonly SourceFile[], table: RoomTable = rooms): string[] {
  const program = files.filter(({ path }) => path.startsWith('src/') && !isTestFile(path));
  return [
    ...program.flatMap((file) => findForbiddenImports(file, table)),
    ...findCycles(importedRooms(program)).map((cycle) => `rooms in a cycle: ${cycle}`),
    ...program.flatMap(findBannedUses),
  ];
}

/** Paths, from the root of the repository, of the project's files that a file names: its imports and worker entries. */
function importsOf(file: SourceFile): string[] {
  const targets = [...withoutComments(file.text).matchAll(importPattern)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  return targets
    .filter((target) => target.startsWith('.'))
    .map((target) => posix.join(posix.dirname(file.path), target));
}

// `import … from 'x'`, `export … from 'x'`, `import 'x'` and `import('x')`; then `new URL('x', import.meta.url)`.
const importPattern =
  /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"\n]+)['"]|\bnew\s+URL\s*\(\s*['"]([^'"\n]+)['"]\s*,\s*import\.meta\.url/g;

/** One sentence for each cycle in a graph. */
export function findCycles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const cycles: string[] = [];
  const finished = new Set<string>();
  const visit = (node: string, trail: readonly string[]): void => {
    if (trail.includes(node)) {
      cycles.push([...trail.slice(trail.indexOf(node)), node].join(' → '));
    } else if (!finished.has(node)) {
      for (const next of graph.get(node) ?? []) visit(next, [...trail, node]);
      finished.add(node);
    }
  };
  for (const node of graph.keys()) visit(node, []);
  return cycles;
}

function findForbiddenImports(file: SourceFile, table: RoomTable): string[] {
  const own = placeOf(file.path);
  const misplaced =
    own.area === 'core' && own.room !== undefined && !Object.hasOwn(table, own.room)
      ? [`${file.path} lies in a room that the table does not know`]
      : [];
  const forbidden = importsOf(file).flatMap((target) => {
    const reason = reasonAgainst(own, target, table);
    return reason === undefined ? [] : [`${file.path} imports ${target}: ${reason}`];
  });
  return [...misplaced, ...forbidden];
}

interface Place {
  /** `core`, `cli`, `lambdas`; undefined outside `src/`. */
  readonly area: string | undefined;
  /** The folder inside `src/core`; undefined for `src/core/index.ts` and outside the core. */
  readonly room: string | undefined;
}

function placeOf(path: string): Place {
  const [source, area, room, ...rest] = path.split('/');
  if (source !== 'src') return { area: undefined, room: undefined };
  return { area, room: area === 'core' && rest.length > 0 ? room : undefined };
}

function reasonAgainst(own: Place, target: string, table: RoomTable): string | undefined {
  const other = placeOf(target);
  if (other.area !== own.area) {
    // The command line tells its version from there; the core is told.
    if (own.area === 'cli' && target === 'package.json') return undefined;
    if (own.area === 'core') return 'the core imports nothing outside itself';
    return target === 'src/core/index.ts' ? undefined : 'only src/core/index.ts may be imported';
  }
  if (own.area !== 'core' || own.room === other.room) return undefined;
  if (other.room === undefined) return 'a room imports rooms, not the core as a whole';
  if (target !== `src/core/${other.room}/index.ts`) return 'a room is entered through its index.ts';
  if (own.room === undefined || foundation.includes(other.room)) return undefined;
  const allowed = Object.hasOwn(table, own.room) ? table[own.room] : undefined;
  return allowed?.includes(other.room) ? undefined : `${own.room} may not import ${other.room}`;
}

function importedRooms(files: readonly SourceFile[]): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const file of files) {
    const { room } = placeOf(file.path);
    if (room === undefined) continue;
    const imported = graph.get(room) ?? new Set();
    graph.set(room, imported);
    for (const target of importsOf(file)) {
      const other = placeOf(target).room;
      if (other !== undefined && other !== room) imported.add(other);
    }
  }
  return graph;
}

function findBannedUses(file: SourceFile): string[] {
  if (!file.path.startsWith('src/core/')) return [];
  const allowed = exceptions.find(({ path }) => path === file.path)?.uses ?? [];
  const code = codeOnly(file.text);
  const codeWithImports = withoutComments(file.text);
  return bannedInCore
    .filter(([what]) => !allowed.includes(what))
    .flatMap(([what, pattern]) => {
      const text = pattern.source.includes('node:') ? codeWithImports : code;
      const index = text.search(pattern);
      if (index === -1) return [];
      return [`${file.path}:${text.slice(0, index).split('\n').length} uses ${what} directly`];
    });
}
