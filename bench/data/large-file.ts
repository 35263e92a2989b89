import { join } from 'node:path';
import { SeededNoise } from './seeded-noise.ts';
import { SeededText } from './seeded-text.ts';
import { type Stretch, writeStretches } from './write-stretches.ts';

const stretchBytes = 16 << 20;

/** One file, text and noise in turn. */
export function makeLargeFile(directory: string, bytes: number, seed: string): void {
  writeStretches(join(directory, 'large.bin'), alternate(bytes, seed));
}

function* alternate(bytes: number, seed: string): Generator<Stretch> {
  const sources = [new SeededText(`${seed}/text`), new SeededNoise(`${seed}/noise`)];
  for (let left = bytes; left > 0;) {
    for (const source of sources) {
      const part = Math.min(left, stretchBytes);
      yield { bytes: part, source };
      left -= part;
    }
  }
}
