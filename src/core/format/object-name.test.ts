import { describe, expect, it } from 'vitest';
import { objectHashOf } from './header.ts';
import { parseObjectName, quarantinedKey, quarantineKey } from './object-name.ts';

const hash = objectHashOf(Buffer.from('x'));
const two = hash.slice(0, 2);

describe('parseObjectName', () => {
  it.each([
    ['config', 'config', undefined],
    ['mirror', 'marker', undefined],
    [`keys/${hash}`, 'key', hash],
    [`packs/${two}/${hash}`, 'pack', hash],
    [`journal/${'0'.repeat(32)}/000000000001-${hash}`, 'entry', hash],
    [`payloads/${hash}`, 'payload', hash],
    [`checkpoints/${hash}`, 'checkpoint', hash],
  ])('%s', (key, part, expected) => {
    expect(parseObjectName(key)).toEqual({ part, hash: expected });
  });

  it.each([
    '',
    'config2',
    'mirror/a',
    `packs/00/${hash}`,
    `packs/${hash}`,
    `packs/${two}/${hash}0`,
    `packs/${two}/${hash.slice(1)}`,
    `keys/${hash.toUpperCase()}`,
    `keys/a/${hash}`,
    `journal/${'0'.repeat(32)}/1-${hash}`,
    `quarantine/keys/${hash}`,
    `x/packs/${two}/${hash}`,
  ])('is nothing of ours: %s', (key) => {
    expect(parseObjectName(key)).toBeUndefined();
  });
});

describe('quarantineKey', () => {
  it.each(['config', `keys/${hash}`, `journal/${'0'.repeat(32)}/000000000001-${hash}`])(
    'leads back to %s, and fits into a key',
    (key) => {
      const aside = quarantineKey(key, hash);
      expect(aside.length).toBeLessThanOrEqual(200);
      expect(quarantinedKey(aside)).toBe(key);
      expect(parseObjectName(aside)).toBeUndefined();
    },
  );

  it.each(['config', 'quarantine/config', `quarantine/x/${hash}`, `quarantine/${hash}`])(
    'is not one: %s',
    (key) => expect(quarantinedKey(key)).toBeUndefined(),
  );
});
