import { beforeEach, describe, expect, it } from 'vitest';
import type { Catalog, Ledger } from '../../src/core/catalog/index.ts';
import type { CatalogWorld } from './catalog.ts';

const held = { kind: 'Conflict', code: 'LEASE_HELD' };
const lost = { kind: 'Conflict', code: 'LEASE_LOST' };
const at = (now: number, ms = 100): { now: number; ms: number } => ({ now, ms });

/** What leases keep to in every catalog. */
export function describeLeases(catalogOf: () => Catalog, worldOf: () => CatalogWorld): void {
  describe('leases', () => {
    let ledger: Ledger;
    beforeEach(() => {
      ledger = catalogOf().ledger;
    });

    it('are held by one, until their time is over', async () => {
      const lease = await ledger.acquireLease('heal/a', 'one', at(1000));
      expect(lease).toMatchObject({ name: 'heal/a', holder: 'one', expiresAt: 1100 });
      await expect(ledger.acquireLease('heal/a', 'two', at(1099))).rejects.toMatchObject(held);
      expect(await ledger.acquireLease('heal/b', 'two', at(1050))).toMatchObject({ holder: 'two' });
      const second = await ledger.acquireLease('heal/a', 'two', at(1100));
      expect(second.token).toBeGreaterThan(lease.token);
      await expect(ledger.renewLease(lease, at(1100))).rejects.toMatchObject(lost);
      // Giving back what was lost takes nothing from the next one.
      await ledger.releaseLease(lease);
      await expect(ledger.acquireLease('heal/a', 'one', at(1150))).rejects.toMatchObject(held);
    });

    it('go on while they are renewed', async () => {
      const lease = await ledger.acquireLease('n', 'one', at(1000));
      const renewed = await ledger.renewLease(lease, at(1090));
      expect(renewed).toEqual({ ...lease, expiresAt: 1190 });
      await expect(ledger.acquireLease('n', 'two', at(1189))).rejects.toMatchObject(held);
      // Its time was over, but nobody has taken it.
      expect(await ledger.renewLease(lease, at(5000))).toMatchObject({ token: lease.token });
      await expect(ledger.acquireLease('n', 'two', at(5050))).rejects.toMatchObject(held);
    });

    it('can be given back', async () => {
      const lease = await ledger.acquireLease('n', 'one', at(1000));
      await ledger.releaseLease(lease);
      await ledger.releaseLease(lease);
      await expect(ledger.renewLease(lease, at(1001))).rejects.toMatchObject(lost);
      const next = await ledger.acquireLease('n', 'two', at(900));
      expect(next.token).toBeGreaterThan(lease.token);
    });

    it('have tokens that only rise, whatever the clocks say', async () => {
      let token = 0;
      for (const now of [1000, 5000, 5000, 200, 90_000_000_000, 7000]) {
        const lease = await ledger.acquireLease('n', 'one', at(now));
        expect(lease.token).toBeGreaterThan(token);
        token = lease.token;
        await ledger.acquireLease('other', 'one', at(now));
      }
    });

    it('are a fault of the program without a name, a holder or a time', async () => {
      const internal = { kind: 'Internal' };
      await expect(ledger.acquireLease('', 'one', at(1))).rejects.toMatchObject(internal);
      await expect(ledger.acquireLease('n', '', at(1))).rejects.toMatchObject(internal);
      await expect(ledger.acquireLease('n', 'one', at(-1))).rejects.toMatchObject(internal);
      await expect(ledger.acquireLease('n', 'one', at(1, 0))).rejects.toMatchObject(internal);
      const lease = await ledger.acquireLease('n', 'one', at(1));
      await expect(ledger.renewLease(lease, at(0.5))).rejects.toMatchObject(internal);
    });

    it('race: of sixteen that want one, exactly one gets it', async () => {
      const handles = await Promise.all(Array.from({ length: 16 }, () => worldOf().open()));
      for (let round = 1; round <= 4; round += 1) {
        const tries = handles.map((handle, index) =>
          handle.ledger.acquireLease('n', `holder ${index}`, at(round * 1000)),
        );
        const results = await Promise.allSettled(tries);
        expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        const reasons = results.flatMap((r) => (r.status === 'rejected' ? [r.reason] : []));
        expect(reasons).toEqual(Array.from({ length: 15 }, () => expect.objectContaining(held)));
      }
      for (const handle of handles) if (handle !== catalogOf()) await handle[Symbol.asyncDispose]();
    });
  });
}
