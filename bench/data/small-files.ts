import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeededNumbers } from './seeded-numbers.ts';
import { SeededText } from './seeded-text.ts';

const filesPerDirectory = 100;
const directoriesPerDirectory = 100;
const bytesMin = 64;
const bytesMax = 8192;

/** Many small files of text: each size from 64 bytes to 8 KiB as likely as its double, 1.7 KB on average. */
export function makeSmallFiles(directory: string, files: number, seed: string): void {
  const numbers = new SeededNumbers(`${seed}/sizes`);
  const text = new SeededText(`${seed}/text`);
  let folder = directory;
  for (let index = 0; index < files; index += 1) {
    if (index % filesPerDirectory === 0) {
      const number = index / filesPerDirectory;
      folder = join(directory, folderName(number / directoriesPerDirectory), folderName(number));
      mkdirSync(folder, { recursive: true });
    }
    const buffer = Buffer.allocUnsafe(sizeOf(numbers.fraction()));
    text.fill(buffer);
    writeFileSync(join(folder, `${index}.txt`), buffer, { flag: 'wx' });
  }
}

function folderName(number: number): string {
  return `d${Math.floor(number)}`;
}

function sizeOf(fraction: number): number {
  return Math.round(bytesMin * (bytesMax / bytesMin) ** fraction);
}
