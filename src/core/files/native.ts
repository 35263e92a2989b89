import { createRequire } from 'node:module';
import { arch, endianness } from 'node:os';
import { thisSystem } from '../base/index.ts';
import { errorMessage } from '../errors/index.ts';
import { koffiCalls } from './koffi-calls.ts';
import type { Koffi } from './koffi-library.ts';
import { hasDescriptorPaths } from './long-path.ts';
import type { NativeCalls } from './native-calls.ts';
import { plainCalls } from './plain-calls.ts';

/**
 * The native calls of this machine: by koffi where it is installed and the machine is one it was
 * tried on, else what Node can do. Loaded at the first call (about 10 ms), once for each thread;
 * never throws. What is missing, and why, is in `capabilities`.
 */
export function nativeCalls(): NativeCalls {
  loaded ??= load();
  return loaded;
}

let loaded: NativeCalls | undefined;

const machines = new Set(['x64', 'arm64', 'riscv64', 'loong64']);

function load(): NativeCalls {
  if (thisSystem !== 'linux') return plainCalls('that is supported on Linux only');
  if (!machines.has(arch()) || endianness() !== 'LE') {
    return plainCalls(`it is not supported on ${arch()} processors`);
  }
  if (!hasDescriptorPaths()) return plainCalls('/proc is not mounted');
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part of koffi's own declaration that is used
    return koffiCalls(createRequire(import.meta.url)('koffi') as Koffi);
  } catch (error) {
    return plainCalls(
      `the optional package "koffi" does not load: ${firstLine(errorMessage(error))}`,
    );
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
