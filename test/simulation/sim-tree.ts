import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { seededBytes, type SeededRandom } from '../support/seeded-random.ts';
import type { Image } from './sim-world.ts';

/** Throws, with the first paths that differ. */
export function assertSame(found: Image, expected: Image, message: string): void {
  const differing = [...new Set([...found.keys(), ...expected.keys()])].filter(
    (path) => found.get(path) !== expected.get(path),
  );
  if (differing.length > 0) throw new Error(`${message}: ${differing.slice(0, 5).join(', ')}`);
}

/** A few changes below a directory: small files, large ones, directories that move and go. */
export function editTree(root: string, random: SeededRandom): void {
  for (let count = 1 + random.below(4); count > 0; count--) {
    const directory = `${root}/${'abc'[random.below(3)]}`;
    mkdirSync(directory, { recursive: true });
    const file = `${directory}/${random.below(6)}`;
    const bytes = seededBytes(
      random.below(40),
      random.below(random.below(6) === 0 ? 200_000 : 9000),
    );
    switch (random.below(6)) {
      case 0:
        appendFileSync(file, bytes.subarray(0, 500));
        break;
      case 1:
        rmSync(file, { force: true });
        break;
      case 2: {
        const target = `${root}/${'abcd'[random.below(4)]}`;
        if (target !== directory && !readdirSync(root).includes(target.slice(-1))) {
          renameSync(directory, target);
        }
        break;
      }
      default:
        writeFileSync(file, bytes);
    }
  }
}
