import { openSync, writeSync } from 'node:fs';
import { systemErrorCode, VersionsError } from '../../core/index.ts';
import type { MessageLog } from './output.ts';

/**
 * A file that grows by one line for each message: the time in UTC, the process id, the message. Made
 * with mode 0600 if absent; open until the process ends. Throws `Usage` if it cannot be opened; later failures to write are left
 * out, because a full disk under the log must not end a backup.
 */
export class LogFile implements MessageLog {
  readonly #fd: number;
  readonly #now: () => number;

  constructor(path: string, now: () => number) {
    this.#now = now;
    try {
      this.#fd = openSync(path, 'a', 0o600);
    } catch (cause) {
      throw new VersionsError(
        'Usage',
        'INVALID_SETTING',
        `The log file ${path} cannot be opened: ${systemErrorCode(cause) ?? String(cause)}`,
        { hint: 'name another one with --log-file', cause },
      );
    }
  }

  write(message: string): void {
    const time = new Date(this.#now()).toISOString();
    const lines = message.split('\n').map((line) => `${time} ${process.pid} ${line}\n`);
    try {
      writeSync(this.#fd, lines.join(''));
    } catch {
      // See above.
    }
  }
}
