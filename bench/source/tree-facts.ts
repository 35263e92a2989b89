import { walk } from './walk.ts';

/** How much there is in a directory. Hard links count each time, as most tools see them. */
export interface TreeFacts {
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly others: number;
  /** The sum of the files' sizes. */
  readonly bytes: number;
}

export function treeFactsOf(root: string): TreeFacts {
  const facts = { files: 0, directories: 0, symlinks: 0, others: 0, bytes: 0 };
  for (const { stats } of walk(root)) {
    if (stats.isFile()) {
      facts.files += 1;
      facts.bytes += Number(stats.size);
    } else if (stats.isDirectory()) facts.directories += 1;
    else if (stats.isSymbolicLink()) facts.symlinks += 1;
    else facts.others += 1;
  }
  return facts;
}
