/** The cases of docs/format.md section 16: journals, and what readers make of them. */
import { readFileSync } from 'node:fs';

const page = new URL('../../docs/format.md', import.meta.url);

/** What is odd about an entry of a case. */
export type Oddity =
  | 'lost'
  | 'payload lost'
  | 'payload of another repository'
  | 'misplaced'
  | 'format 2'
  | 'codec 7'
  | 'malformed';

export interface CaseEntry {
  readonly name: string;
  readonly number: number;
  /** The entry that it follows; undefined for number 1. */
  readonly after?: string | undefined;
  readonly lineage: string;
  readonly writer: string;
  readonly time: number;
  readonly greaterThan?: string | undefined;
  readonly oddity?: Oddity | undefined;
  /** Each as its words. */
  readonly records: readonly (readonly string[])[];
}

export interface HistoryCase {
  readonly name: string;
  readonly entries: readonly CaseEntry[];
  readonly history: readonly string[];
  readonly snapshots: readonly string[];
  /** Undefined if the case is not about packs. */
  readonly packs?: readonly string[] | undefined;
  readonly readOnly: boolean;
}

export function readHistoryCases(): readonly HistoryCase[] {
  const block = /## 16\.[^]*?```text\n([^]*?)```/.exec(readFileSync(page, 'utf8'))?.[1] ?? '';
  return block
    .split(/^(?=\S)/m)
    .filter((text) => text !== '')
    .map((text) => caseOf(text.trimEnd().split('\n')));
}

function caseOf([name = '', ...lines]: readonly string[]): HistoryCase {
  const entries: CaseEntry[] = [];
  const results = new Map<string, readonly string[]>();
  for (const line of lines) {
    const [sign = '', ...words] = line.trim().split(' ');
    if (sign !== '=') entries.push(entryOf(line.trim(), entries.at(-1)?.name));
    else results.set(words[0] ?? '', words.slice(1));
  }
  const list = (of: string): readonly string[] => {
    const found = results.get(of);
    if (found === undefined) throw new Error(`The case "${name}" does not say its ${of}`);
    return found;
  };
  return {
    name,
    entries,
    history: list('history'),
    snapshots: list('snapshots'),
    packs: results.get('packs'),
    readOnly: results.has('read'),
  };
}

const attributes =
  /^(?:(?<oddity>lost|payload lost|payload of another repository|misplaced|format 2|codec 7|malformed)|lineage (?<lineage>\w)|writer (?<writer>\w)|time (?<time>\d+)|after (?<after>\w+)|hash greater than (?<than>\w+))(?: |$)/;

function entryOf(line: string, above: string | undefined): CaseEntry {
  const [, name = '', odd = '', said = ''] = /^(\d+[a-z]?)(?: ([^:]+))?: (.+)$/.exec(line) ?? [];
  const number = Number.parseInt(name, 10);
  const found: Record<string, string | undefined> = {};
  for (let rest = odd; rest !== '';) {
    const match = attributes.exec(rest);
    if (match === null) throw new Error(`"${rest}" is not known`);
    for (const [key, value] of Object.entries(match.groups ?? {})) found[key] ??= value;
    rest = rest.slice(match[0].length);
  }
  return {
    name,
    number,
    after: number === 1 ? undefined : (found['after'] ?? above),
    lineage: found['lineage'] ?? 'L',
    writer: found['writer'] ?? 'w',
    time: Number(found['time'] ?? number),
    greaterThan: found['than'],
    oddity: found['oddity'] as Oddity | undefined,
    records: said.split(', ').map((record) => record.split(' ')),
  };
}
