/**
 * Makes the data sets of the benchmark. Each is made from a seed, the same bytes on every machine,
 * so none is kept anywhere.
 */
import { existsSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { toggleEdits } from './data/disk-image.ts';
import { dataSets, makeDataSet } from './data/make-data-set.ts';

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
  const scale = Number(values.scale);
  const isScale = scale > 0 && scale <= scaleMax;
  if (!dataSets.has(name) || directory === undefined || more !== undefined || !isScale) {
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
  makeDataSet(name, directory, { scale, seed: values.seed });
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
