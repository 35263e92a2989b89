import {
  encodeObjectHeader,
  packNameOf,
  pieceTableBytes,
  trailerBytes,
  writePackEnd,
} from '../../src/core/format/index.ts';
import type { PackName } from '../../src/core/base/index.ts';
import { seededBytes } from './seeded-random.ts';
import { testRepository } from './test-mirrors.ts';

/** A pack whose blocks are noise: whole for everybody who has no key. */
export function createTestPack(
  seed: number | string,
  bodyBytes: number,
): { readonly name: PackName; readonly key: string; readonly bytes: Buffer } {
  const bytes = Buffer.alloc(bodyBytes + pieceTableBytes(bodyBytes) + trailerBytes);
  bytes.set(seededBytes(seed, bodyBytes));
  const salt = seededBytes(`salt ${seed}`, 32);
  bytes.set(
    encodeObjectHeader({ kind: 'data-pack', suite: 1, epoch: 1, repository: testRepository, salt }),
  );
  writePackEnd(bytes, bodyBytes, 100);
  const name = packNameOf(bytes);
  return { name, key: `packs/${name.slice(0, 2)}/${name}`, bytes };
}
