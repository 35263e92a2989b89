import { isVersionsError } from '../errors/index.ts';

/**
 * Stands before the names of the partitions in which clients write who may not write in those of the
 * workers (docs/threat-model.md).
 */
export const clientPrefix = 'client-';

export type PartitionPrefix = '' | typeof clientPrefix;

/** Where this process may write: tried out with the first write, and kept. */
export class PartitionRights {
  #prefix: PartitionPrefix = '';

  /** Does the work in the partitions of the workers or, if that is refused, in those of clients. */
  async write<T>(work: (prefix: PartitionPrefix) => Promise<T>): Promise<T> {
    if (this.#prefix !== '') return work(this.#prefix);
    try {
      return await work('');
    } catch (error) {
      if (!isVersionsError(error, 'Denied')) throw error;
    }
    const result = await work(clientPrefix);
    this.#prefix = clientPrefix;
    return result;
  }
}
