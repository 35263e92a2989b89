import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bytesEqual, isObjectHash, type ObjectHash, replaceFileSync } from '../base/index.ts';
import { systemErrorCode } from '../errors/index.ts';
import { decodeConfig, objectHashOf } from '../format/index.ts';
import type { Monitor } from '../monitor/index.ts';
import { configKey, keyObjectKey } from './object-keys.ts';

/** Where they lie, laid out as in a mirror. */
const directoryName = 'kept';
/** Far more than people have passwords and key files. */
const keysMax = 64;

/**
 * Copies of what a repository cannot be opened without, `config` and key objects, in the cache of a
 * machine that has opened it: for the day on which no mirror has a good one. They are what lies in
 * the mirrors, sealed by the same secrets; whoever reads them here checks them as there.
 */
export class KeptOpening {
  readonly #directory: string;
  readonly #monitor: Pick<Monitor, 'note'>;
  readonly #seen = new Map<string, Uint8Array>();

  constructor(cacheDir: string, monitor: Pick<Monitor, 'note'>) {
    this.#directory = join(cacheDir, directoryName);
    this.#monitor = monitor;
  }

  /** A mirror has given this good object; it is kept if `keep` names it. */
  saw(key: string, bytes: Uint8Array): void {
    if (this.#seen.size <= keysMax) this.#seen.set(key, bytes);
  }

  /** The names of the key objects that are kept. */
  keyNames(): readonly ObjectHash[] {
    try {
      const names = readdirSync(join(this.#directory, 'keys')).filter(isObjectHash);
      return names.slice(0, keysMax).filter((name) => this.read(keyObjectKey(name)) !== undefined);
    } catch {
      return [];
    }
  }

  /** What is used because no mirror has it, which is said; undefined if it is not kept, or not good. */
  instead(key: string, isGood: (bytes: Uint8Array) => boolean): Uint8Array | undefined {
    const bytes = this.read(key);
    if (bytes === undefined || !isGood(bytes)) return undefined;
    this.#monitor.note(
      `No mirror at hand has a good copy of ${key}: the one that this machine keeps is used; "versions heal" writes it back`,
    );
    return bytes;
  }

  /** The object, if it is kept and its bytes are those of its name, or match the hash in them. */
  read(key: string): Uint8Array | undefined {
    try {
      const bytes = readFileSync(join(this.#directory, key));
      if (key !== configKey) return keyObjectKey(objectHashOf(bytes)) === key ? bytes : undefined;
      decodeConfig(bytes);
      return bytes;
    } catch {
      return undefined;
    }
  }

  /** Keeps `config` and these key objects, as far as they were seen, and no others. Never fails. */
  keep(names: ReadonlySet<ObjectHash>): void {
    try {
      mkdirSync(join(this.#directory, 'keys'), { recursive: true, mode: 0o700 });
      for (const key of [configKey, ...[...names].map(keyObjectKey)]) {
        const bytes = this.#seen.get(key);
        if (bytes !== undefined) this.#write(key, bytes);
      }
      for (const name of readdirSync(join(this.#directory, 'keys'))) {
        const isNamed = isObjectHash(name) && names.has(name);
        if (!isNamed) rmSync(join(this.#directory, 'keys', name), { force: true });
      }
    } catch (error) {
      // A full disk, or a cache that may only be read: what is not kept is not there to help later.
      if (systemErrorCode(error) === undefined) throw error;
    }
  }

  #write(key: string, bytes: Uint8Array): void {
    const known = this.read(key);
    if (known !== undefined && bytesEqual(known, bytes)) return;
    replaceFileSync(join(this.#directory, key), bytes);
  }
}

/** Is it one of the objects that are kept here? */
export function isKept(key: string): boolean {
  return key === configKey || key.startsWith('keys/');
}
