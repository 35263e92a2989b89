import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { MirrorId, RepositoryId } from '../../src/core/base/index.ts';
import { MemoryCatalog } from '../../src/core/catalog/index.ts';
import { encodeMarker, objectHashOf } from '../../src/core/format/index.ts';
import {
  FaultyStore,
  ForwardingStore,
  MemoryStore,
  RecordingStore,
} from '../../src/core/store/index.ts';
import type { Surroundings } from '../../src/lambdas/shared/surroundings.ts';
import type { RunTime } from '../../src/lambdas/shared/run-time.ts';
import type { WorkerSettings } from '../../src/lambdas/shared/worker-settings.ts';
import { FakeClock } from './fake-clock.ts';
import { seededBytes } from './seeded-random.ts';

export const worldRepository = 'ab'.repeat(16) as RepositoryId;

export interface WorldMirror {
  readonly name: string;
  readonly id: MirrorId;
  readonly memory: MemoryStore;
  readonly faulty: FaultyStore;
  readonly store: RecordingStore;
}

/** Mirrors, a catalog and queues in memory, and what functions would be told about them. */
export class WorkerWorld {
  readonly clock: FakeClock = new FakeClock();
  readonly catalog: MemoryCatalog = new MemoryCatalog();
  readonly mirrors: readonly WorldMirror[];
  readonly queues: Map<string, string[]> = new Map();
  readonly published: { readonly subject: string; readonly text: string }[] = [];
  readonly lines: Record<string, unknown>[] = [];
  readonly surroundings: Surroundings;
  #holders = 0;
  #messages = 0;

  private constructor(mirrors: readonly WorldMirror[]) {
    this.mirrors = mirrors;
    this.surroundings = {
      clock: this.clock,
      // Closing ends a run, not the store.
      openStore: async (url) => new KeptOpen(this.mirror(url).store),
      openCatalog: async () => keptOpen(this.catalog),
      readSecret: async () => ({ accessKeyId: 'id', secretAccessKey: 'key' }),
      send: async (queue, body) => {
        this.queues.set(queue, [...(this.queues.get(queue) ?? []), body]);
      },
      publish: async (_topic, subject, text) => void this.published.push({ subject, text }),
      log: (line) => void this.lines.push({ ...line }),
      newHolder: () => `holder ${++this.#holders}`,
    };
  }

  static async make(count = 3): Promise<WorkerWorld> {
    const mirrors = Array.from({ length: count }, (_, index): WorldMirror => {
      const memory = new MemoryStore({ location: `memory ${index + 1}` });
      const faulty = new FaultyStore(memory);
      const store = new RecordingStore(faulty);
      const id = (index + 1).toString(16).padStart(32, '0') as MirrorId;
      return { name: `m${index + 1}`, id, memory, faulty, store };
    });
    for (const { memory, id } of mirrors) {
      const marker = { repository: worldRepository, suite: 1, mirror: id, created: 1 } as const;
      await memory.put('mirror', [encodeMarker(marker)]);
    }
    return new WorkerWorld(mirrors);
  }

  mirror(name: string): WorldMirror {
    const found = this.mirrors.find((mirror) => mirror.name === name);
    if (found === undefined) throw new Error(`No mirror ${name}`);
    return found;
  }

  /** What a function is told; `own` for those of one mirror. */
  settings(own?: string): WorkerSettings {
    return {
      deployment: 'test',
      catalog: 'dynamodb://test?region=eu-central-1',
      mirrors: this.mirrors.map(({ name }) => ({
        name,
        url: name,
        price: 's3-standard',
        verifyQueue: `verify ${name}`,
        healQueue: `heal ${name}`,
      })),
      ...(own === undefined ? {} : { own }),
      topic: 'topic',
      maxAgeDays: 30,
      bytesPerRunMax: 1024 ** 4,
      dollarsPerRunMax: 100,
      silentAfterHours: 48,
    };
  }

  /** Stores packs of random bytes in every mirror; returns their keys, and their bytes. */
  async storePacks(count: number): Promise<ReadonlyMap<string, Buffer>> {
    const packs = new Map<string, Buffer>();
    for (let number = 0; number < count; number++) {
      const bytes = seededBytes(`pack ${number}`, 1000 + number);
      const hash = objectHashOf(bytes);
      packs.set(`packs/${hash.slice(0, 2)}/${hash}`, bytes);
    }
    for (const { memory } of this.mirrors) {
      for (const [key, bytes] of packs) await memory.put(key, [bytes]);
    }
    return packs;
  }

  async replace(mirror: string, key: string, bytes: Uint8Array): Promise<void> {
    const { memory } = this.mirror(mirror);
    await memory.delete(key);
    await memory.put(key, [bytes]);
  }

  /** Takes everything out of a queue, as the event that Lambda makes of it. */
  take(queue: string): SQSEvent {
    const bodies = this.queues.get(queue) ?? [];
    this.queues.delete(queue);
    return { Records: bodies.map((body) => this.record(body)) };
  }

  record(body: string): SQSRecord {
    const messageId = `message ${++this.#messages}`;
    return {
      messageId,
      receiptHandle: messageId,
      body,
      attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: String(this.clock.now()),
        SenderId: 'sender',
        ApproximateFirstReceiveTimestamp: String(this.clock.now()),
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:eu-central-1:000000000000:queue',
      awsRegion: 'eu-central-1',
    };
  }

  /** Metrics that were written under a name, in order. */
  metric(name: string): unknown[] {
    return this.lines.filter((line) => name in line).map((line) => line[name]);
  }
}

/** A function with that much time left; `looks`: how often it may ask before its time is over. */
export function runTime(ms = 600_000, looks: number = Number.POSITIVE_INFINITY): RunTime {
  let asked = 0;
  return { getRemainingTimeInMillis: () => (asked++ <= looks ? ms : 0) };
}

export const noFailures: SQSBatchResponse = { batchItemFailures: [] };

class KeptOpen extends ForwardingStore {
  override async [Symbol.asyncDispose](): Promise<void> {}
}

function keptOpen(catalog: MemoryCatalog): MemoryCatalog {
  return new Proxy(catalog, {
    get(target, name) {
      if (name === Symbol.asyncDispose) return async () => {};
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
