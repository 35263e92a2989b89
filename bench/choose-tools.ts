import { type BenchSettings, UsageError } from './settings.ts';
import { findProgram } from './tools/find-program.ts';
import { peers, tarZstd, type Tool, versionsTool, type VersionsUse } from './tools/index.ts';

/** The rows to be measured, and a sentence for each that cannot be. */
export interface Chosen {
  readonly tools: readonly Tool[];
  readonly missing: readonly string[];
}

/** Our own rows first: the first of all is what the others are compared with. */
export function chooseTools(settings: BenchSettings, searchPath: string): Chosen {
  const hash = findProgram('openssl', searchPath) !== undefined;
  const own = ownUses(settings).map((use, index) =>
    versionsTool({ ...use, answers: index === 0, hash: index === 0 && hash }),
  );
  const wanted = [...own, ...peersOf(settings), tarZstd].filter(
    ({ name }) => !settings.skip.has(name),
  );
  const tools: Tool[] = [];
  const missing = hash ? [] : ['A plain SHA-256 is not measured: openssl not found'];
  for (const tool of wanted) {
    const lacking = tool.programs.filter((name) => findProgram(name, searchPath) === undefined);
    if (lacking.length === 0) tools.push(tool);
    else missing.push(`${tool.name} is not measured: ${lacking.join(' and ')} not found`);
  }
  return { tools, missing };
}

function ownUses({ mirrors, threads }: BenchSettings): VersionsUse[] {
  const uses: VersionsUse[] = [
    { name: 'versions', mirrors: 1 },
    { name: 'versions-password', mirrors: 1, password: true },
  ];
  if (mirrors > 1) uses.push({ name: `versions-mirrors-${mirrors}`, mirrors });
  if (threads !== undefined) {
    uses.push({ name: `versions-threads-${threads}`, mirrors: 1, threads });
  }
  return uses;
}

function peersOf({ against }: BenchSettings): Tool[] {
  return against.flatMap((name) => {
    const tools = peers.get(name);
    if (tools !== undefined) return tools;
    throw new UsageError(`--against knows ${[...peers.keys()].join(', ')}, but not ${name}`);
  });
}
