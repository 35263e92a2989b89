import { platform } from 'node:os';

/** The systems whose file calls are known to differ; `other` is taken for a Unix like the BSDs. */
export type System = 'linux' | 'darwin' | 'win32' | 'other';

export function systemOf(name: string): System {
  return name === 'linux' || name === 'darwin' || name === 'win32' ? name : 'other';
}

/** The system this runs on: what is handed in wherever nobody says otherwise. */
export const thisSystem: System = systemOf(platform());
