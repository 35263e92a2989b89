import { readdirSync, readFileSync } from 'node:fs';

/** Memory of one process at one moment, in bytes, as the kernel counts it. */
export interface ProcessMemory {
  readonly resident: number;
  /** The most that was ever resident. */
  readonly peak: number;
}

/** A process and everything below it; it comes first. Empty if it is gone. */
export function processTree(pid: number): number[] {
  const tree: number[] = [];
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const children = childrenOf(next);
    if (children === undefined) continue;
    tree.push(next);
    waiting.push(...children);
  }
  return tree;
}

/** Undefined if the process is gone. Each thread lists the processes that it started. */
function childrenOf(pid: number): number[] | undefined {
  const tasks = `/proc/${pid}/task`;
  const threads = orUndefined(() => readdirSync(tasks));
  return threads?.flatMap((thread) => {
    const list = orUndefined(() => readFileSync(`${tasks}/${thread}/children`, 'latin1')) ?? '';
    return list.split(' ').filter(Boolean).map(Number);
  });
}

/** Undefined if the process is gone, or has ended and only waits to be noticed. */
export function memoryOf(pid: number): ProcessMemory | undefined {
  const status = orUndefined(() => readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (status === undefined) return undefined;
  const field = (name: string): number | undefined => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    return found === undefined ? undefined : Number(found) * 1024;
  };
  const resident = field('VmRSS');
  const peak = field('VmHWM');
  return resident === undefined || peak === undefined ? undefined : { resident, peak };
}

/**
 * CPU seconds, user and system, of all ended children of this process and of their ended children;
 * undefined where the kernel does not say. In steps of 10 ms.
 */
export function endedChildrenCpuSeconds(): number | undefined {
  const stat = orUndefined(() => readFileSync('/proc/self/stat', 'latin1'));
  if (stat === undefined) return undefined;
  // The second field is a name in brackets that may hold anything; the third follows the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [fields[13], fields[14]].map(Number);
  return user === undefined || system === undefined ? undefined : (user + system) / ticksPerSecond;
}

/** The same on every Linux that Node runs on, whatever the kernel's own tick is. */
const ticksPerSecond = 100;

/** A process may end between two reads; then there is nothing to know about it. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
