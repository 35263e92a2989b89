/**
 * The chunk index of a very large repository, without the repository. Each task is a process of its
 * own, so that its time and its memory can be taken from outside:
 *
 *   node bench/index/simulate-index.ts make FILE COUNT   the sorted image, as a client keeps it
 *   node bench/index/simulate-index.ts open FILE         loads it, and finds all of 100,000 chunks
 *   node bench/index/simulate-index.ts grow COUNT        adds so many chunks that are new
 */
import { loadIndexImage, saveIndexImage } from '../../src/core/repository/index-file.ts';
import { SharedIndex } from '../../src/core/workers/index.ts';
import { SeededNumbers } from '../data/seeded-numbers.ts';

const generation = '00112233445566778899aabbccddeeff';
/** Words of an entry of the image: four of the id, pack, block, offset, length. */
const entryWords = 8;
const pieceEntries = 1 << 16;
const chunksPerPack = 32;
const lookupCount = 100_000;
const wordEnd = 2 ** 32;

function* sortedPieces(count: number): Generator<Uint8Array> {
  const numbers = new SeededNumbers('versions/index/1');
  const step = Math.floor(wordEnd / count);
  for (let from = 0; from < count; from += pieceEntries) {
    const length = Math.min(pieceEntries, count - from);
    const words = new Uint32Array(length * entryWords);
    for (let entry = 0; entry < length; entry += 1) {
      const at = entry * entryWords;
      const number = from + entry;
      words[at] = number * step + numbers.below(step);
      for (let word = 1; word < 4; word += 1) words[at + word] = numbers.below(wordEnd - 1);
      words.set([Math.floor(number / chunksPerPack), number % chunksPerPack, 0, 1 << 20], at + 4);
    }
    yield new Uint8Array(words.buffer);
  }
}

function open(file: string): void {
  const loaded = loadIndexImage(file, generation);
  if (loaded === undefined) throw new Error(`${file} is no image of an index`);
  const index = SharedIndex.create(loaded.image);
  const words = new Uint32Array(loaded.image);
  const bytes = new Uint8Array(loaded.image);
  const count = words.length / entryWords;
  const id = new Uint8Array(32);
  for (let lookup = 0; lookup < Math.min(lookupCount, count); lookup += 1) {
    const entry = Math.floor((lookup / lookupCount) * count);
    id.set(bytes.subarray(entry * entryWords * 4, entry * entryWords * 4 + 16));
    if (!index.locate(id)) throw new Error(`Chunk ${entry} is not found`);
  }
  process.stdout.write(`${count}\n`);
}

function grow(count: number): void {
  const index = SharedIndex.create();
  const numbers = new SeededNumbers('versions/index/2');
  const words = new Uint32Array(8);
  const id = new Uint8Array(words.buffer);
  for (let number = 0; number < count; number += 1) {
    for (let word = 0; word < 4; word += 1) words[word] = numbers.below(wordEnd - 1);
    index.put(id, { pack: number >>> 5, block: number & 31, offset: 0, length: 1 << 20 });
  }
  process.stdout.write(`${index.tableCount}\n`);
}

const [task, ...operands] = process.argv.slice(2);
const [first = '', second = ''] = operands;
if (task === 'make') {
  saveIndexImage(first, sortedPieces(Number(second)), {
    packCount: Math.ceil(Number(second) / chunksPerPack),
    generation,
  });
} else if (task === 'open') open(first);
else if (task === 'grow') grow(Number(first));
else throw new Error('The task is make, open or grow');
