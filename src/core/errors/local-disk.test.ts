import { describe, expect, it } from 'vitest';
import { VersionsError, withLocalDisk } from './index.ts';

const system = (code: string): Error => Object.assign(new Error(`${code}: said`), { code });
const sqlite = (errcode: number): Error => Object.assign(new Error('disk I/O error'), { errcode });

describe('work on the local disk', () => {
  it.each([
    ['no space', system('ENOSPC'), 'LOCAL_DISK_FULL'],
    ['no quota', system('EDQUOT'), 'LOCAL_DISK_FULL'],
    ['a full database', sqlite(13), 'LOCAL_DISK_FULL'],
    ['no space for the shared memory of a database', sqlite(4874), 'LOCAL_DISK_FULL'],
    ['a bad disk', system('EIO'), 'LOCAL_DISK_FAILED'],
    ['a bad disk under a database', sqlite(266), 'LOCAL_DISK_FAILED'],
  ])('tells of %s', async (_what, error, code) => {
    const work = withLocalDisk(() => Promise.reject(error));
    await expect(work).rejects.toMatchObject({ kind: 'Unavailable', code, cause: error });
  });

  it.each([
    ['a directory of somebody else', system('EACCES')],
    ['a read-only disk', system('EROFS')],
    ['a file in the place of a directory', system('ENOTDIR')],
    ['too many open files', system('EMFILE')],
    ['a database that cannot be opened', sqlite(14)],
    ['a database that can only be read', sqlite(8)],
  ])('tells of %s', async (_what, error) => {
    const work = withLocalDisk(() => Promise.reject(error));
    await expect(work).rejects.toMatchObject({
      kind: 'Denied',
      code: 'LOCAL_DISK_DENIED',
      cause: error,
    });
  });

  it.each([
    ['errors of ours', new VersionsError('Corrupt', 'PACK_DAMAGED', 'A pack is damaged')],
    ['errors of other kinds', system('ENOENT')],
    ['faults of the program', new TypeError('undefined is not a function')],
  ])('passes on %s', async (_what, error) => {
    await expect(withLocalDisk(() => Promise.reject(error))).rejects.toBe(error);
  });
});
