import { closeSync, existsSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ByteSource } from './byte-source.ts';
import { SeededNoise } from './seeded-noise.ts';
import { SeededNumbers } from './seeded-numbers.ts';
import { SeededText } from './seeded-text.ts';
import { type Stretch, writeStretches } from './write-stretches.ts';

const sectorBytes = 4096;
const stretchSectorsMax = 256;
const imageName = 'disk.img';

const textShare = 0.45;
const zeroShare = 0.05;
const editedShare = 0.01;

/** The first sector begins with this and the seed, so that nothing else is taken for an image. */
const magic = 'benchmark disk image, seed: ';

/**
 * A file like the image of a disk: stretches of text, zeros and noise of 4 KiB to 1 MiB, aligned to
 * sectors of 4 KiB; half of it can be compressed.
 */
export function makeDiskImage(directory: string, bytes: number, seed: string): void {
  const sectors = Math.max(1, Math.round(bytes / sectorBytes));
  writeStretches(join(directory, imageName), layOut(sectors, seed));
}

function* layOut(sectors: number, seed: string): Generator<Stretch> {
  const numbers = new SeededNumbers(`${seed}/layout`);
  const [text, noise] = [new SeededText(`${seed}/text`), new SeededNoise(`${seed}/noise`)];
  yield { bytes: sectorBytes, source: headerSource(seed) };
  for (let left = sectors - 1; left > 0;) {
    const length = Math.min(left, 1 + numbers.below(stretchSectorsMax));
    const kind = numbers.fraction();
    const compressible = kind < textShare ? text : zeros;
    const source = kind < textShare + zeroShare ? compressible : noise;
    yield { bytes: length * sectorBytes, source };
    left -= length;
  }
}

const zeros: ByteSource = { fill: (buffer) => void buffer.fill(0) };

function headerSource(seed: string): ByteSource {
  return { fill: (buffer) => void buffer.fill(0).write(`${magic}${seed}\n`) };
}

/** Throws if a directory does not hold an image that was made here. */
export function requireImage(directory: string): void {
  const path = join(directory, imageName);
  const file = existsSync(path) ? openSync(path, 'r') : undefined;
  try {
    if (file !== undefined && seedIn(file) !== undefined) return;
  } finally {
    if (file !== undefined) closeSync(file);
  }
  throw new Error(`${directory} does not hold the data set "image", which alone can be edited`);
}

/**
 * Edits one sector in a hundred, scattered over the image. Done again it takes the edits back, which
 * is why they are noise laid over what is there.
 */
export function toggleEdits(directory: string): void {
  requireImage(directory);
  const file = openSync(join(directory, imageName), 'r+');
  try {
    const seed = seedIn(file) ?? '';
    const noise = new SeededNoise(`${seed}/edits`);
    const [sector, mask] = [Buffer.alloc(sectorBytes), Buffer.alloc(sectorBytes)];
    for (const number of editedSectors(fstatSync(file).size / sectorBytes, seed)) {
      noise.fill(mask);
      readSync(file, sector, 0, sectorBytes, number * sectorBytes);
      for (let index = 0; index < sectorBytes; index += 1) {
        sector[index] = (sector[index] ?? 0) ^ (mask[index] ?? 0);
      }
      writeSync(file, sector, 0, sectorBytes, number * sectorBytes);
    }
  } finally {
    closeSync(file);
  }
}

/** Never the first one, which is the header; none twice, because that would take the edit back. */
function editedSectors(sectors: number, seed: string): ReadonlySet<number> {
  const numbers = new SeededNumbers(`${seed}/sectors`);
  const count = Math.floor((sectors - 1) * editedShare);
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(1 + numbers.below(sectors - 1));
  return chosen;
}

function seedIn(file: number): string | undefined {
  const header = Buffer.alloc(sectorBytes);
  readSync(file, header, 0, sectorBytes, 0);
  const text = header.toString('latin1');
  return text.startsWith(magic) ? text.slice(magic.length, text.indexOf('\n')) : undefined;
}
