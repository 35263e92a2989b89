import type { Failure } from './failure.ts';

/** Exit codes and what they mean; codes are only ever added. */
export const exitCodes: ReadonlyMap<number, string> = new Map([
  [0, 'success'],
  [1, 'failed, in a way that none of the codes below names'],
  [2, 'usage or configuration error'],
  [3, 'done, but with problems: something could not be read, saved or restored'],
  [10, 'the repository does not exist'],
  [11, 'another client got there first, or the place is taken'],
  [12, 'wrong password or key, or access denied'],
  [13, 'a format or feature that this version does not support'],
  [20, 'damage was found, and everything damaged still has a good copy'],
  [21, 'data loss: something has no good copy left'],
  [22, 'too few mirrors could be reached'],
  [129, 'stopped by SIGHUP (the terminal was closed)'],
  [130, 'stopped by SIGINT (Ctrl-C)'],
  [143, 'stopped by SIGTERM'],
]);

/** Most severe first. */
const severity: readonly number[] = [130, 143, 129, 21, 22, 20, 13, 12, 11, 10, 2, 1, 3, 4, 0];

/** The most severe of several exit codes; one that is not known counts as failure. */
export function mostSevere(...codes: readonly number[]): number {
  const known = new Set(codes.map((code) => (severity.includes(code) ? code : 1)));
  return severity.find((code) => known.has(code)) ?? 0;
}

/** Errors that say that there is no repository where one was looked for. */
const noRepository: ReadonlySet<string> = new Set([
  'REPOSITORY_NOT_CONFIGURED',
  'REPOSITORY_NOT_FOUND',
  'CATALOG_MISSING',
  'JOURNAL_EMPTY',
]);

/** Codes that are about what is kept on this machine, not about mirrors. */
const ownMachine = /^(CATALOG|JOURNAL|LOCAL)_/;

/** The exit code of a command that was given up because of `failure`. */
export function exitCodeOf({ kind, code }: Pick<Failure, 'kind' | 'code'>): number {
  switch (kind) {
    case 'Usage':
      return 2;
    case 'NotFound':
      return noRepository.has(code) ? 10 : 1;
    case 'Conflict':
      return 11;
    case 'Denied':
      return 12;
    case 'Unsupported':
      return 13;
    case 'Corrupt':
      // What is kept on this machine can be made again; nothing is lost with it.
      return code.startsWith('CATALOG_') ? 1 : 21;
    case 'Unavailable':
      return ownMachine.test(code) ? 1 : 22;
    case 'Cancelled':
      return 130;
    case 'Source':
      return code === 'NOTHING_TO_SAVE' ? 3 : 1;
    case 'Internal':
      return 1;
    default:
      return kind satisfies never;
  }
}
