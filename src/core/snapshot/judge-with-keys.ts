import type { ObjectHash } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { decodeConfig } from '../format/index.ts';
import type { Repository } from '../repository/index.ts';
import { type Judge, judgeFor } from '../verify/index.ts';
import type { WorkerPool } from '../workers/index.ts';

/** As anybody judges, and the MAC of `config` is checked too. With a pool the bytes move to it. */
export function judgeWithKeys(repository: Repository, pool?: WorkerPool): Judge {
  const hash = pool && ((object: Uint8Array): Promise<ObjectHash> => hashIn(pool, object));
  const judge = judgeFor({ repository: repository.id, hash });
  return async (key, bytes, mirror) => {
    const verdict = await judge(key, bytes, mirror);
    if (verdict !== undefined || key !== 'config') return verdict;
    const { macInput, mac } = decodeConfig(bytes);
    try {
      repository.keys.checkConfigMac(macInput, mac);
      return undefined;
    } catch (error) {
      if (!isVersionsError(error)) throw error;
      return error.message;
    }
  };
}

async function hashIn(pool: WorkerPool, object: Uint8Array): Promise<ObjectHash> {
  // Stores give every object in memory of its own, so it moves.
  const { buffer } = object;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === object.byteLength;
  const task = { type: 'hash', bytes: object } as const;
  return (await pool.run(task, object.byteLength, isWhole ? [buffer] : [])).hash;
}
