import { join } from 'node:path';
import { SeededNoise } from './seeded-noise.ts';
import { writeStretches } from './write-stretches.ts';

const fileBytes = 64 << 20;

/** Files that nothing can be saved of, of 64 MiB each. */
export function makeNoiseFiles(directory: string, bytes: number, seed: string): void {
  for (let begin = 0; begin < bytes; begin += fileBytes) {
    const source = new SeededNoise(`${seed}/${begin}`);
    const path = join(directory, `${begin / fileBytes}.bin`);
    writeStretches(path, [{ bytes: Math.min(fileBytes, bytes - begin), source }]);
  }
}
