/**
 * Makes the data sets of the benchmark. Each is made from a seed, the same bytes on every machine,
 * so none is kept anywhere.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { makeDiskImage, toggleEdits } from './data/disk-image.ts';
import { makeLargeFile } from './data/large-file.ts';
import { makeSmallFiles } from './data/small-files.ts';

const gibibyte = 2 ** 30;

interface DataSet {
  readonly summary: string;
  readonly make: (directory: string, scale: number, seed: string) => void;
}

const dataSets: ReadonlyMap<string, DataSet> = new Map([
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

const usage = `Usage: npm run bench:data -- NAME DIR [--scale FACTOR] [--seed TEXT]
       npm run bench:data -- image DIR --edit

Makes a data set in DIR, which must be new or empty. NAME is one of:

${[...dataSets].map(([name, { summary }]) => `  ${name.padEnd(6)} ${summary}`).join('\n')}

  --scale FACTOR  0.1 makes a tenth of it (default: 1)
  --seed TEXT     another seed makes other bytes (default: 1)
  --edit          edit one sector of 4 KiB in a hundred of an image that is there; the second
                  time this takes the edits back
`;

const options = {
  scale: { type: 'string', default: '1' },
  seed: { type: 'string', default: '1' },
  edit: { type: 'boolean', default: false },
} as const;

const scaleMax = 100;

function main(args: readonly string[]): void {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [name = '', directory, more] = positionals;
  const dataSet = dataSets.get(name);
  const scale = Number(values.scale);
  const isScale = scale > 0 && scale <= scaleMax;
  if (dataSet === undefined || directory === undefined || more !== undefined || !isScale) {
    throw new Error(usage);
  }
  if (values.edit) {
    if (name !== 'image') throw new Error('Only the data set "image" can be edited');
    toggleEdits(directory);
    return;
  }
  if (existsSync(directory) && readdirSync(directory).length > 0) {
    throw new Error(`${directory} is not empty`);
  }
  mkdirSync(directory, { recursive: true });
  dataSet.make(directory, scale, `versions/${name}/${values.seed}`);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
