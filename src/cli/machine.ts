import { hostname, userInfo } from 'node:os';

/** Name of this machine in snapshots. */
export function thisHost(): string {
  return hostname();
}

/** Name of this user; a number where the system has no name. */
export function thisUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
