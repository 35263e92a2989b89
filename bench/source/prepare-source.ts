import { spawnSync } from 'node:child_process';
import { realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readThrough } from './read-through.ts';
import { fileSystemOf, freeBytesOf } from './scratch.ts';
import { type TreeFacts, treeFactsOf } from './tree-facts.ts';

/** What is backed up, ready to be measured. */
export interface Source {
  readonly name: string;
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly fileSystem: string;
  /** Whether it was copied, so that it may be changed and must be removed. */
  readonly isCopy: boolean;
  readonly facts: TreeFacts;
}

/** Tools compare a file again whose times are too close to the time of the scan. */
const settleMs = 3000;

/** Copies the source to where everything else is written, unless it lies there already. */
export async function prepareSource(given: string, scratch: string): Promise<Source> {
  const original = realpathSync(given);
  if (!statSync(original).isDirectory()) throw new Error(`${given} is not a directory`);
  const facts = treeFactsOf(original);
  const isCopy = statSync(original).dev !== statSync(scratch).dev;
  const name = basename(original);
  const path = isCopy ? join(scratch, 'source', name) : original;
  if (isCopy) {
    // A copy, a repository and a restored tree of the same size have to fit.
    if (freeBytesOf(scratch) < facts.bytes * 3) {
      throw new Error(`${scratch} has too little room for ${facts.bytes} bytes three times over`);
    }
    copy(original, path);
    await sleep(settleMs);
  }
  readThrough(path);
  return { name, path, fileSystem: fileSystemOf(path), isCopy, facts };
}

function copy(from: string, to: string): void {
  const run = spawnSync('sh', ['-c', 'mkdir -p "$2" && cp -a "$1/." "$2"', 'sh', from, to], {
    stdio: ['ignore', 'ignore', 2],
  });
  if (run.status !== 0) throw new Error(`${from} could not be copied to ${to}`);
}
