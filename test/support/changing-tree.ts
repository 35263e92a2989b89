import {
  appendFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { seededBytes, type SeededRandom } from './seeded-random.ts';

/** A directory tree that looks like somebody's work, and goes on being worked at. */

/** Makes a tree of some megabytes: many small files, some large ones, links. */
export function makeTree(root: string, random: SeededRandom): void {
  for (let directory = 0; directory < 12; directory++) {
    const path = `${root}/${directory}/sub`;
    mkdirSync(path, { recursive: true });
    for (let file = 0; file < 12; file++) {
      writeFileSync(`${path}/${file}`, contentOf(random, random.below(30_000)));
    }
    writeFileSync(`${root}/${directory}/large`, contentOf(random, random.below(900_000)));
  }
  symlinkSync('0/large', `${root}/link`);
  linkSync(`${root}/1/large`, `${root}/2/linked`);
}

/** A few changes of every kind. */
export function changeTree(root: string, random: SeededRandom): void {
  const { files, directories } = list(root);
  const anyOf = (paths: readonly string[]): string => paths[random.below(paths.length)] ?? root;
  for (let count = 1 + random.below(30); count > 0; count--) {
    const file = anyOf(files);
    const kind = random.below(10);
    if (kind < 4) writeFileSync(`${anyOf(directories)}/new-${name(random)}`, someContent(random));
    else if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
    else if (kind < 6) appendFileSync(file, contentOf(random, 1 + random.below(5000)));
    else if (kind < 7) writeFileSync(file, someContent(random));
    else if (kind < 8) renameSync(file, `${file}-moved`);
    else if (kind < 9) rmSync(file);
    else utimesSync(file, 1_000_000_000, random.below(2_000_000_000));
  }
  const directory = anyOf(directories);
  if (directory !== root && random.below(4) === 0) {
    if (random.below(2) === 0) renameSync(directory, `${root}/moved-${name(random)}`);
    else rmSync(directory, { recursive: true });
  }
}

const name = (random: SeededRandom): string => Buffer.from(random.bytes(4)).toString('hex');

/** Small, rarely large. */
function someContent(random: SeededRandom): Buffer {
  const large = random.below(12) === 0;
  return contentOf(random, random.below(large ? 6_000_000 : 60_000));
}

function contentOf(random: SeededRandom, bytes: number): Buffer {
  return seededBytes(name(random), bytes);
}

function list(root: string): { readonly files: string[]; readonly directories: string[] } {
  const files: string[] = [];
  const directories = [root];
  for (const directory of directories) {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory()) directories.push(path);
      if (entry.isFile()) files.push(path);
    }
  }
  return { files: files.sort(), directories: [root, ...directories.slice(1).sort()] };
}
