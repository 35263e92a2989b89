import { isVersionsError } from '../errors/index.ts';
import { decodeConfig } from '../format/index.ts';
import type { Repository } from '../repository/index.ts';
import { type HashThreads, type Judge, judgeFor } from '../verify/index.ts';

/** As anybody judges, and the MAC of `config` is checked too. Threads that hash take the bytes. */
export function judgeWithKeys(repository: Repository, threads?: HashThreads): Judge {
  const judge = judgeFor({
    repository: repository.id,
    hash: threads && ((bytes) => threads.hashBytes(bytes)),
  });
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

/** Beyond so many bytes, a thread for each processor is worth its start. */
const manyBytes = 512 * 1024 * 1024;

/** Each hashes 2 GB/s, while trees are walked here: for few bytes, half of the processors do. */
export function hashThreadCount({ mirrors, state, threads }: Repository): number {
  const bytes = state.packs.bytes * mirrors.mirrors.length;
  return bytes > manyBytes ? threads : Math.ceil(threads / 2);
}
