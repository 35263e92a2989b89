import { createHash } from 'node:crypto';

/** One version of an object; without bytes it is a delete marker. */
export interface Version {
  readonly id: string;
  readonly bytes: Buffer | undefined;
  readonly etag: string;
  readonly sha256: string | undefined;
  readonly storageClass: string;
  mode: string | undefined;
  retainUntil: number | undefined;
  /** An archived object can be read some time after somebody asked for it. */
  thaw: 'none' | 'asked' | 'done';
}

export interface NewVersion {
  readonly bytes: Buffer | undefined;
  readonly sha256?: string | undefined;
  readonly storageClass?: string | undefined;
  readonly mode?: string | undefined;
  readonly retainUntil?: number | undefined;
}

/** The contents of one bucket, versions and all. */
export class Bucket {
  readonly isVersioned: boolean;
  readonly #objects = new Map<string, Version[]>();
  /** What a listing that lags behind would still show. */
  #snapshot: readonly (readonly [string, Version])[] | undefined;
  #count = 0;

  constructor(isVersioned: boolean) {
    this.isVersioned = isVersioned;
  }

  get bytesTotal(): number {
    let total = 0;
    for (const versions of this.#objects.values()) {
      for (const { bytes } of versions) total += bytes?.byteLength ?? 0;
    }
    return total;
  }

  /** The newest version, unless that is a delete marker; or the version that is named. */
  get(key: string, versionId?: string): Version | undefined {
    const versions = this.#objects.get(key) ?? [];
    const found =
      versionId === undefined ? versions.at(-1) : versions.find(({ id }) => id === versionId);
    return found?.bytes === undefined ? undefined : found;
  }

  put(key: string, content: NewVersion): Version {
    this.#count += 1;
    const { bytes } = content;
    const version: Version = {
      id: `v${this.#count}`,
      bytes,
      etag: `"${createHash('md5')
        .update(bytes ?? '')
        .digest('hex')}"`,
      sha256: content.sha256,
      storageClass: content.storageClass ?? 'STANDARD',
      mode: content.mode,
      retainUntil: content.retainUntil,
      thaw: 'none',
    };
    const older = this.isVersioned ? (this.#objects.get(key) ?? []) : [];
    this.#objects.set(key, [...older, version]);
    return version;
  }

  /** Moves objects to an archive, as a rule of the bucket does. */
  archive(keys: RegExp, storageClass = 'GLACIER'): readonly string[] {
    const moved = this.#current().filter(([key]) => keys.test(key));
    for (const [key, { bytes }] of moved) this.put(key, { bytes, storageClass });
    return moved.map(([key]) => key);
  }

  /** Hours later: what was asked for can be read. */
  finishThaws(): void {
    for (const [, version] of this.#current()) {
      if (version.thaw === 'asked') version.thaw = 'done';
    }
  }

  /** False if the version is locked. */
  delete(key: string, versionId: string | undefined, nowMs: number): boolean {
    if (versionId === undefined) {
      if (this.isVersioned) this.put(key, { bytes: undefined });
      else this.#objects.delete(key);
      return true;
    }
    const versions = this.#objects.get(key) ?? [];
    const found = versions.find(({ id }) => id === versionId);
    if (found?.retainUntil !== undefined && found.retainUntil > nowMs) return false;
    const left = versions.filter((version) => version !== found);
    if (left.length === 0) this.#objects.delete(key);
    else this.#objects.set(key, left);
    return true;
  }

  /** Keys in the order of their bytes, with their newest version. */
  list(): readonly (readonly [string, Version])[] {
    return this.#snapshot ?? this.#current();
  }

  /** All versions of all keys, newest first for each key. */
  versions(): readonly (readonly [string, Version, boolean])[] {
    return [...this.#objects]
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .flatMap(([key, versions]) =>
        versions.toReversed().map((version, index) => [key, version, index === 0] as const),
      );
  }

  /** From now on listings show what is there now, until told otherwise. */
  freezeLists(isFrozen: boolean): void {
    this.#snapshot = isFrozen ? this.#current() : undefined;
  }

  /** Damages an object behind everybody's back: what HEAD and lists say stays as it was. */
  damage(key: string, change: (bytes: Buffer) => Buffer): void {
    const version = this.get(key);
    if (version?.bytes === undefined) throw new Error(`There is no ${key}`);
    const damaged = { ...version, bytes: change(Buffer.from(version.bytes)) };
    this.#objects.set(key, [...(this.#objects.get(key) ?? []).slice(0, -1), damaged]);
  }

  #current(): readonly (readonly [string, Version])[] {
    return [...this.#objects.keys()]
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .flatMap((key) => {
        const version = this.get(key);
        return version === undefined ? [] : [[key, version] as const];
      });
  }
}
