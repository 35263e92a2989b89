import { mkdirSync } from 'node:fs';
import { makeDiskImage } from './disk-image.ts';
import { makeLargeFile } from './large-file.ts';
import { makeSmallFiles } from './small-files.ts';

const gibibyte = 2 ** 30;

interface DataSet {
  readonly summary: string;
  readonly make: (directory: string, scale: number, seed: string) => void;
}

/** The data sets by their names. */
export const dataSets: ReadonlyMap<string, DataSet> = new Map([
  [
    'large',
    {
      summary: 'one file of 4 GiB, half text, half random',
      make: (directory, scale, seed) =>
        makeLargeFile(directory, Math.round(4 * gibibyte * scale), seed),
    },
  ],
  [
    'small',
    {
      summary: '800,000 small files of text',
      make: (directory, scale, seed) =>
        makeSmallFiles(directory, Math.round(800_000 * scale), seed),
    },
  ],
  [
    'image',
    {
      summary: 'one file of 3 GiB like the image of a disk, half of it compressible',
      make: (directory, scale, seed) => makeDiskImage(directory, 3 * gibibyte * scale, seed),
    },
  ],
]);

/** Makes a data set in a directory, which is made if need be. The same seed makes the same bytes. */
export function makeDataSet(
  name: string,
  directory: string,
  { scale, seed }: { readonly scale: number; readonly seed: string },
): void {
  const dataSet = dataSets.get(name);
  if (dataSet === undefined) throw new Error(`There is no data set ${name}`);
  mkdirSync(directory, { recursive: true });
  dataSet.make(directory, scale, `versions/${name}/${seed}`);
}
