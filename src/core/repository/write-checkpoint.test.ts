import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createTestRepository,
  type TestRepository,
} from '../../../test/support/test-repository.ts';
import type { RepositoryId } from '../base/index.ts';
import { decodeCheckpointRuns, decodeRun, objectHashOf } from '../format/index.ts';
import { openCheckpoint } from './checkpoint-codec.ts';
import { remakePart } from './make-checkpoint.ts';
import type { Repository } from './repository.ts';
import { writeCheckpointIfDue } from './write-checkpoint.ts';

const every = 8;
let repository: TestRepository;
beforeEach(async () => {
  repository = await createTestRepository({ mirrors: 2, context: { checkpointEntries: every } });
});
afterEach(() => repository[Symbol.dispose]());

/** Appends so many entries, each as a run of its own would, with checkpoints where they are due. */
async function append(count: number): Promise<void> {
  await repository.use(false, async (opened, context) => {
    for (let added = 0; added < count; added++) {
      await opened.log.append(() => [{ type: 'settings', mirrorsMin: 1 }]);
      await writeCheckpointIfDue(opened, context);
    }
    await opened.mirrors.drain();
  });
}

function listed(mirror = 1): readonly string[] {
  try {
    return readdirSync(`${repository.mirror(mirror)}/checkpoints`).toSorted();
  } catch {
    return [];
  }
}

const read = (name: string, mirror = 1): Buffer =>
  readFileSync(`${repository.mirror(mirror)}/checkpoints/${name}`);

async function inRepository<T>(look: (opened: Repository) => Promise<T> | T): Promise<T> {
  return (await repository.use(true, look)).summary;
}

describe('a checkpoint', () => {
  it('is not made of a few entries', async () => {
    await append(3);
    expect(listed()).toEqual([]);
  });

  it('holds every entry as it lies in journal/, in few objects that all mirrors have', async () => {
    await append(100);
    expect(listed(2)).toEqual(listed(1));
    for (const name of listed()) expect(objectHashOf(read(name))).toBe(name);
    const { record, tip, hashes } = await inRepository(async ({ state, log }) => {
      const all: string[] = [];
      for await (const { hash } of log.rows(0)) all.push(hash);
      return { record: state.checkpoint, tip: state.tip?.number ?? 0, hashes: all };
    });
    expect(record).toBeDefined();
    const covered = record?.checkpoint.last ?? 0;
    expect(covered).toBeGreaterThan(tip - every - 2);
    expect(record?.runs.length).toBeLessThan(7);
    const found = await inRepository(({ keys, id }) => {
      const checkpoint = openCheckpoint(read(record?.checkpoint.name ?? ''), {
        keys,
        repository: id,
      });
      const runs = decodeCheckpointRuns(checkpoint.plaintext, checkpoint);
      expect(runs.map(({ name }) => name)).toEqual(record?.runs.map(({ name }) => name));
      return runs.flatMap(({ name }) => {
        const run = openCheckpoint(read(name), { keys, repository: id });
        return decodeRun(run.plaintext, run).map(({ hash }) => hash);
      });
    });
    expect(found).toEqual(hashes.slice(0, covered));
    const stranger = 'ab'.repeat(16) as RepositoryId;
    await inRepository(({ keys }) => {
      const bytes = read(record?.checkpoint.name ?? '');
      expect(() => openCheckpoint(bytes, { keys, repository: stranger })).toThrow(
        expect.objectContaining({ code: 'HEADER_UNEXPECTED' }),
      );
    });
  });

  it('is what verify expects, and nothing is too much', async () => {
    await append(40);
    const { summary, monitor } = await repository.verify('data');
    expect([summary.findings, monitor.findings]).toEqual([0, []]);
  });

  it('is made again from the entries, byte for byte', async () => {
    await append(40);
    const parts = await inRepository(async (opened) => {
      const made = [];
      for (const part of opened.state.checkpointParts().values()) {
        made.push({ name: part.name, bytes: await remakePart(opened, part) });
      }
      return made;
    });
    expect(parts.map(({ name }) => name as string).toSorted()).toEqual(listed());
    for (const { name, bytes } of parts) expect(bytes).toEqual(read(name));
    const other = await inRepository(async (opened) => {
      const [part] = opened.state.checkpointParts().values();
      return part && remakePart(opened, { ...part, salt: new Uint8Array(32).fill(1) });
    });
    expect(other).toBeUndefined();
  });

  it('whose writer died behind the entry is stored by the next that writes', async () => {
    await append(20);
    const made = await inRepository(({ state }) => state.checkpoint?.checkpoint.name ?? '');
    for (const name of listed()) rmSync(`${repository.mirror()}/checkpoints/${name}`);
    rmSync(`${repository.mirror(2)}/checkpoints/${made}`);
    await repository.use(false, ({ catalog }) => catalog.setMeta('checkpoint', ''));
    const told = (await repository.verify('quick')).monitor.findings.map(({ object }) => object);
    expect(told).not.toContain(`checkpoints/${made}`);
    await append(1);
    const last = await inRepository(({ state }) => state.checkpoint);
    const needed = [...(last?.runs ?? []), last?.checkpoint].map((part) => part?.name ?? '');
    expect(listed(1)).toEqual(expect.arrayContaining(needed));
    expect(listed(2)).toEqual(expect.arrayContaining(needed));
  });

  it('holds payloads beside their entries', async () => {
    const tags = Array.from({ length: 2200 }, () => randomBytes(32).toString('hex'));
    const source = repository.path('source.txt');
    writeFileSync(source, 'source');
    await repository.backup(source, { tags });
    await append(10);
    const [name = ''] = readdirSync(`${repository.mirror()}/payloads`);
    const payloads = await inRepository(({ id, keys, state }) =>
      (state.checkpoint?.runs ?? []).flatMap((part) => {
        const run = openCheckpoint(read(part.name), { keys, repository: id });
        return decodeRun(run.plaintext, run).flatMap(({ payload }) => (payload ? [payload] : []));
      }),
    );
    expect(payloads.map((payload) => objectHashOf(payload))).toEqual([name]);
  });
});
