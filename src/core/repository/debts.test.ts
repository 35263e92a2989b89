import { describe, expect, it } from 'vitest';
import type { MirrorId } from '../base/index.ts';
import { MemoryCatalog } from '../catalog/index.ts';
import { VersionsError } from '../errors/index.ts';
import { Debts } from './debts.ts';

const [one, two] = ['11'.repeat(16) as MirrorId, '22'.repeat(16) as MirrorId];
const gone = new VersionsError('Unavailable', 'MIRROR_DOWN', 'It is gone');

/** `object mirror` each, as the ledger has them. */
async function owed({ ledger }: MemoryCatalog): Promise<string[]> {
  const found: string[] = [];
  for await (const { object, mirror } of ledger.copies({ state: 'debt' })) {
    found.push(`${object} ${mirror.slice(0, 2)}`);
  }
  return found;
}

describe('Debts', () => {
  it('owes what is stored to every mirror that is not there, and only from then on', async () => {
    const catalog = new MemoryCatalog();
    const debts = new Debts();
    debts.stored('packs/before');
    debts.oweTo([one, two, one]);
    debts.stored('packs/after');
    await debts.record(catalog);
    expect(await owed(catalog)).toEqual(['packs/after 11', 'packs/after 22']);
    expect(debts.count).toBe(0);
    expect(debts.owing.size).toBe(0);
  });

  it('counts what mirrors that are there were not given', async () => {
    const catalog = new MemoryCatalog();
    const debts = new Debts();
    debts.add('packs/a', one, gone);
    debts.add('packs/b', one, gone);
    expect(debts.count).toBe(2);
    expect([...debts.owing]).toEqual([one]);
    await debts.record(catalog);
    await debts.record(catalog);
    expect(await owed(catalog)).toEqual(['packs/a 11', 'packs/b 11']);
  });

  it('keeps what could not be noted for the next time', async () => {
    const catalog = new MemoryCatalog();
    const debts = new Debts();
    for (let number = 0; number < 1500; number++) debts.add(`packs/${number}`, one, gone);
    const failing = new MemoryCatalog();
    failing.ledger.record = () => Promise.reject(gone);
    await expect(debts.record(failing)).rejects.toBe(gone);
    await debts.record(catalog);
    expect(await owed(catalog)).toHaveLength(1500);
  });
});
