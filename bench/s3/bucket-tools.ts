import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { credentials, type Service } from '../../test/services/service.ts';
import { type Command, command } from '../measure/command.ts';
import { type Phase, type Place, type Tool, versionsTool } from '../tools/index.ts';

/** A server, and where it is reached if not directly. */
export interface BucketPlace {
  readonly service: Service;
  readonly endpoint?: string;
}

const makeBucket = fileURLToPath(new URL('make-bucket.ts', import.meta.url));
const keys = {
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  AWS_REGION: credentials.region,
};

/** Our own program with its mirrors in buckets, fresh ones for each run. */
export function versionsInBuckets(name: string, places: readonly BucketPlace[]): Tool {
  const buckets = new FreshBuckets(name, places);
  const own = versionsTool({
    name,
    mirrors: 0,
    mirrorUrls: () => buckets.urls(),
    env: keys,
  });
  return {
    ...own,
    setup: (place) => [...buckets.renew(), ...own.setup(place)],
    command: (phase, place, outputs) =>
      isMeasured(phase) ? own.command(phase, place, outputs) : undefined,
    stored: () => buckets.directory(),
  };
}

/** restic with its repository in a bucket. */
export function resticInBucket(place: BucketPlace): Tool {
  const buckets = new FreshBuckets('restic', [place]);
  const run = ({ home }: Place, ...args: readonly string[]): Command => ({
    program: 'restic',
    args: ['-q', '-r', `s3:${place.service.endpoint}/${buckets.name}`, ...args],
    env: { ...keys, RESTIC_PASSWORD: 'benchmark', RESTIC_CACHE_DIR: join(home, 'cache') },
  });
  return {
    name: 'restic',
    programs: ['restic'],
    versionArgs: ['version'],
    setup: (at) => [...buckets.renew(), run(at, 'init')],
    command(phase, at) {
      if (phase === 'first' || phase === 'second') return run(at, 'backup', at.source);
      return phase === 'restore' ? run(at, 'restore', 'latest', '--target', at.target) : undefined;
    },
    stored: () => buckets.directory(),
    restored: (at) => join(at.target, at.source),
  };
}

function isMeasured(phase: Phase): boolean {
  return phase === 'first' || phase === 'second' || phase === 'restore';
}

/** Buckets that nobody used before; those of the run before are taken from the servers' disks. */
class FreshBuckets {
  readonly #prefix: string;
  readonly #places: readonly BucketPlace[];
  #run = 0;

  constructor(prefix: string, places: readonly BucketPlace[]) {
    this.#prefix = prefix;
    this.#places = places;
  }

  get name(): string {
    return `${this.#prefix}-${this.#run}`;
  }

  renew(): readonly Command[] {
    for (const { service } of this.#places) {
      rmSync(join(service.data, this.name), { recursive: true, force: true });
    }
    this.#run += 1;
    return this.#places.map(({ service }) =>
      command(process.execPath, makeBucket, service.endpoint, this.name),
    );
  }

  urls(): readonly string[] {
    return this.#places.map(({ service, endpoint = service.endpoint }) => {
      const query = `endpoint=${encodeURIComponent(endpoint)}&region=${credentials.region}`;
      return `s3://${this.name}?${query}`;
    });
  }

  /** Where the first server keeps its bucket. */
  directory(): string {
    const [first] = this.#places;
    return join(first?.service.data ?? '', this.name);
  }
}
