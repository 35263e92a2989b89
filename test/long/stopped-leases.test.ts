import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openCatalog } from '../../src/core/catalog/index.ts';
import { startDynamo } from '../support/dynamo-server.ts';

const child = fileURLToPath(new URL('../support/lease-child.ts', import.meta.url));
const leaseMs = 3000;
const term = (ms: number): { now: number; ms: number } => ({ now: Date.now(), ms });

/** A process is stopped for longer than its lease; another one takes it; then the first goes on. */
async function outliveLease(url: string): Promise<readonly string[]> {
  await using catalog = await openCatalog(url, { create: true });
  const { ledger } = catalog;
  const process_ = spawn(process.execPath, [child, url, String(leaseMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => void process_.once('close', resolve));
  const lines = createInterface({ input: process_.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  try {
    const [what, token] = (await next()).split(' ');
    expect(what).toBe('held');
    process_.kill('SIGSTOP');
    await expect(ledger.acquireLease('work', 'another', term(60_000))).rejects.toMatchObject({
      code: 'LEASE_HELD',
    });
    await sleep(leaseMs + 100);
    const lease = await ledger.acquireLease('work', 'another', term(60_000));
    expect(lease.token).toBeGreaterThan(Number(token));
    process_.kill('SIGCONT');
    process_.stdin.write('\n');
    const told = [await next(), await next(), await next()];
    // It is still this one's.
    expect((await ledger.renewLease(lease, term(60_000))).token).toBe(lease.token);
    return told;
  } finally {
    process_.kill('SIGKILL');
    await ended;
  }
}

const fenced = ['renew LEASE_LOST', 'release done', 'acquire LEASE_HELD'];

it(
  'who is stopped for longer than its lease has lost it, in a file',
  { timeout: 60_000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'versions-lease-'));
    try {
      expect(await outliveLease(`sqlite:${join(directory, 'catalog.db')}`)).toEqual(fenced);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

it(
  'who is stopped for longer than its lease has lost it, in a table',
  { timeout: 60_000 },
  async () => {
    await using server = await startDynamo();
    expect(await outliveLease(server.catalogUrl())).toEqual(fenced);
  },
);
