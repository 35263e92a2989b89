/**
 * A process that holds a lease: `node lease-child.ts CATALOG MS` takes it and prints `held`. When a
 * line comes in, it goes on with it, gives it back and takes it anew, and prints what each gave.
 */
import { once } from 'node:events';
import { openCatalog } from '../../src/core/catalog/index.ts';
import { isVersionsError } from '../../src/core/errors/index.ts';

const [url = '', ms = '0'] = process.argv.slice(2);
const term = (): { now: number; ms: number } => ({ now: Date.now(), ms: Number(ms) });

async function tell(what: string, action: () => Promise<unknown>): Promise<void> {
  const ended = await action().then(
    () => 'done',
    (error: unknown) => (isVersionsError(error) ? error.code : String(error)),
  );
  process.stdout.write(`${what} ${ended}\n`);
}

await using catalog = await openCatalog(url, {});
const { ledger } = catalog;
const lease = await ledger.acquireLease('work', 'the one that is stopped', term());
process.stdout.write(`held ${lease.token}\n`);
await once(process.stdin, 'data');
await tell('renew', () => ledger.renewLease(lease, term()));
await tell('release', () => ledger.releaseLease(lease));
await tell('acquire', () => ledger.acquireLease('work', 'the one that is stopped', term()));
process.stdin.destroy();
