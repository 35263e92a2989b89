import { createCipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemRandom, toHex, type ByteString, type RepositoryId } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { argon2id, wasmArgon2id } from './argon2id.ts';
import { encodeCbor } from './cbor.ts';
import {
  ChunkIdHasher,
  decodeKeyFile,
  encodeKeyFile,
  IdentityHasher,
  kdfParametersFor,
  MasterBundle,
  open,
  openBundle,
  RepositoryKeys,
  seal,
  sealBundle,
  SealingKey,
  sealInto,
  secretOfText,
  type KdfParameters,
  type Secret,
} from './index.ts';

const repository = '00112233445566778899aabbccddeeff' as RepositoryId;
const cheap = { passes: 1, memoryKiB: 64, lanes: 1 };
const salt = new Uint8Array(32).fill(3);

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (isVersionsError(error)) return error.code;
    throw error;
  }
  return undefined;
}

async function codeOfAsync(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (isVersionsError(error) ? error.code : String(error)),
  );
}

describe('chunk ids', () => {
  const idKey = new Uint8Array(32).fill(1);
  const hasher = new ChunkIdHasher(idKey);

  test('are HMACs under a key of their kind', () => {
    for (const kind of [0, 1, 2, 3] as const) {
      const key = createHmac('sha256', idKey)
        .update(Buffer.concat([Buffer.from('versions/1/id/'), Buffer.of(kind)]))
        .digest();
      const expected = createHmac('sha256', key).update('content').digest();
      expect(hasher.idOf(kind, Buffer.from('content'))).toEqual(expected);
    }
  });

  test('of a part are those of its bytes', () => {
    const bytes = Buffer.from('some content of a file');
    expect(hasher.idOf(0, bytes, 5, 12)).toEqual(hasher.idOf(0, Buffer.from('content')));
    expect(hasher.idOf(0, bytes, 5)).toEqual(hasher.idOf(0, bytes.subarray(5)));
  });
});

describe('sealing', () => {
  const key = SealingKey.derive(1, new Uint8Array(32).fill(2), salt, 'versions/1/blocks');
  const aad = Buffer.from('header');
  const parts = fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 4 });
  const positions = fc.nat({ max: 0xffff_ffff });

  test.each([key, SealingKey.none])(
    'is undone by opening, in parts or whole (%#)',
    (sealingKey) => {
      fc.assert(
        fc.property(parts, positions, fc.nat({ max: 9 }), (plaintext, position, offset) => {
          const whole = Buffer.concat(plaintext);
          const target = new Uint8Array(offset + whole.byteLength + 16);
          const written = sealInto(sealingKey, position, aad, plaintext, target, offset);
          expect(written).toBe(whole.byteLength + 16);
          const sealed = target.subarray(offset);
          expect(sealed).toEqual(seal(sealingKey, position, aad, whole));
          expect(Buffer.from(open(sealingKey, position, aad, sealed))).toEqual(whole);
        }),
      );
    },
  );

  test('is AES-256-GCM with the position as nonce, under a key from HKDF', () => {
    const raw = hkdfSync('sha256', new Uint8Array(32).fill(2), salt, 'versions/1/blocks', 32);
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32LE(0xfffffffe);
    const cipher = createCipheriv('aes-256-gcm', Buffer.from(raw), nonce);
    cipher.setAAD(aad);
    const expected = Buffer.concat([cipher.update('text'), cipher.final(), cipher.getAuthTag()]);
    expect(Buffer.from(seal(key, 0xfffffffe, aad, Buffer.from('text')))).toEqual(expected);
  });

  test('without encryption is the plaintext and half a SHA-256', () => {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32LE(7);
    const sum = createHash('sha256').update(aad).update(nonce).update('text').digest();
    expect(Buffer.from(seal(SealingKey.none, 7, aad, Buffer.from('text')))).toEqual(
      Buffer.concat([Buffer.from('text'), sum.subarray(0, 16)]),
    );
  });

  test.each([key, SealingKey.none])(
    'is broken by any changed bit, place or key (%#)',
    (sealingKey) => {
      const sealed = seal(sealingKey, 5, aad, Buffer.from('a plaintext'));
      for (let bit = 0; bit < sealed.byteLength * 8; bit++) {
        const changed = Uint8Array.from(sealed);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(codeOf(() => open(sealingKey, 5, aad, changed))).toBe('SEAL_BROKEN');
      }
      for (let cut = 0; cut < sealed.byteLength; cut++) {
        expect(codeOf(() => open(sealingKey, 5, aad, sealed.subarray(0, cut)))).toBe('SEAL_BROKEN');
      }
      expect(codeOf(() => open(sealingKey, 6, aad, sealed))).toBe('SEAL_BROKEN');
      expect(codeOf(() => open(sealingKey, 5, Buffer.from('other'), sealed))).toBe('SEAL_BROKEN');
    },
  );

  test('depends on salt and purpose', () => {
    const secret = new Uint8Array(32).fill(2);
    const sealed = seal(key, 0, aad, Buffer.from('x'));
    const otherSalt = SealingKey.derive(1, secret, new Uint8Array(32), 'versions/1/blocks');
    const otherInfo = SealingKey.derive(1, secret, salt, 'versions/1/table');
    expect(codeOf(() => open(otherSalt, 0, aad, sealed))).toBe('SEAL_BROKEN');
    expect(codeOf(() => open(otherInfo, 0, aad, sealed))).toBe('SEAL_BROKEN');
  });

  test('refuses a target that is too small', () => {
    expect(() => sealInto(key, 0, aad, Buffer.alloc(10), new Uint8Array(26), 1)).toThrow(
      'too small',
    );
  });
});

describe('the master bundle', () => {
  const bundle = MasterBundle.create(repository, 1000, systemRandom);

  test('is read as it was written, epochs included', () => {
    const rotated = bundle.rotate(2000, systemRandom);
    expect(rotated.epoch).toBe(2);
    const again = MasterBundle.decode(rotated.encode(), repository);
    expect(again.encode()).toEqual(rotated.encode());
    expect(again.epoch).toBe(2);
  });

  test('opens with a later epoch what an earlier one sealed', () => {
    const before = bundle.repositoryKeys(1).sealingKey('data', 1, salt);
    const sealed = seal(before, 0, salt, Buffer.from('old'));
    const after = bundle.rotate(2000, systemRandom).repositoryKeys(1);
    expect(Buffer.from(open(after.sealingKey('data', 1, salt), 0, salt, sealed))).toEqual(
      Buffer.from('old'),
    );
    expect(codeOf(() => open(after.sealingKey('data', 2, salt), 0, salt, sealed))).toBe(
      'SEAL_BROKEN',
    );
    expect(codeOf(() => bundle.repositoryKeys(1).sealingKey('data', 2, salt))).toBe(
      'EPOCH_UNKNOWN',
    );
  });

  test('has a key for each purpose', () => {
    const keys = bundle.repositoryKeys(1);
    const sealed = (['data', 'trees', 'table', 'journal'] as const).map((purpose) =>
      toHex(seal(keys.sealingKey(purpose, 1, salt), 0, salt, Buffer.from('same'))),
    );
    expect(new Set(sealed).size).toBe(4);
  });

  test('gives the same key again after many others', () => {
    const keys = bundle.repositoryKeys(1);
    const sealed = seal(keys.sealingKey('data', 1, salt), 0, salt, Buffer.from('x'));
    for (let number = 0; number < 5000; number++) {
      const other = Buffer.alloc(32);
      other.writeUInt32LE(number + 1);
      keys.sealingKey('data', 1, other);
    }
    expect(Buffer.from(open(keys.sealingKey('data', 1, salt), 0, salt, sealed))).toEqual(
      Buffer.from('x'),
    );
  });

  test('is refused without epochs, with epochs out of order, and with short keys', () => {
    const bytes32 = new Uint8Array(32).fill(1);
    const names = { data: bytes32, trees: bytes32, index: bytes32, journal: bytes32, mac: bytes32 };
    const epoch = (number: number): object => ({ epoch: number, created: 1, ...names });
    const encoded = (change: object): Uint8Array =>
      encodeCbor({
        version: 1,
        repository: Buffer.from(repository, 'hex'),
        idKey: bytes32,
        chunkerSecret: bytes32,
        epochs: [epoch(1)],
        ...change,
      });
    expect(MasterBundle.decode(encoded({}), repository).epoch).toBe(1);
    const wrong = [
      { epochs: [] },
      { epochs: [epoch(2), epoch(1)] },
      { epochs: [epoch(1), epoch(1)] },
      { epochs: [epoch(0)] },
      { epochs: [{ ...epoch(1), mac: bytes32.subarray(1) }] },
      { epochs: [{ ...epoch(1), more: 1 }] },
      { epochs: [1] },
      { idKey: bytes32.subarray(1) },
      { more: 1 },
      { version: 0 },
    ];
    for (const change of wrong) {
      expect(codeOf(() => MasterBundle.decode(encoded(change), repository))).toBe('BUNDLE_DAMAGED');
    }
  });

  test('works in a worker, but for journal and config', () => {
    const carried = structuredClone(bundle.workerKeys(1));
    const worker = new RepositoryKeys(carried);
    const keys = bundle.repositoryKeys(1);
    const block = seal(worker.sealingKey('data', worker.epoch, salt), 3, salt, Buffer.from('b'));
    expect(Buffer.from(open(keys.sealingKey('data', 1, salt), 3, salt, block))).toEqual(
      Buffer.from('b'),
    );
    expect(worker.ids.idOf(0, salt)).toEqual(keys.ids.idOf(0, salt));
    expect(worker.pageKey()).toEqual(keys.pageKey());
    expect(() => worker.sealingKey('journal', 1, salt)).toThrow('journal');
    expect(() => worker.configMac(salt)).toThrow('MAC');
    expect(Object.keys(carried.epochs[0] ?? {})).toEqual(['epoch', 'data', 'trees', 'index']);
  });

  test('is refused for another repository', () => {
    const other = '0'.repeat(32) as RepositoryId;
    expect(codeOf(() => MasterBundle.decode(bundle.encode(), other))).toBe('BUNDLE_DAMAGED');
  });

  test('is too new with a higher version', () => {
    expect(codeOf(() => MasterBundle.decode(encodeCbor({ version: 2 }), repository))).toBe(
      'BUNDLE_TOO_NEW',
    );
  });

  test('is refused after any mutation that leaves no bundle', () => {
    const bytes = bundle.encode();
    const change = fc.tuple(
      fc.nat({ max: bytes.byteLength - 1 }),
      fc.nat({ max: 255 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(change, ([at, value, cut]) => {
        const changed = Uint8Array.from(cut ? bytes.subarray(0, at) : bytes);
        if (!cut) changed[at] = value;
        let again: Uint8Array | undefined;
        const code = codeOf(() => (again = MasterBundle.decode(changed, repository).encode()));
        expect(code ?? Buffer.from(again ?? []).equals(changed)).toSatisfy(
          (result: unknown) =>
            result === true || result === 'BUNDLE_DAMAGED' || result === 'BUNDLE_TOO_NEW',
        );
      }),
      { numRuns: 3000 },
    );
  });

  test('checks the MAC of config under epoch 1', () => {
    const keys = bundle.rotate(5, systemRandom).repositoryKeys(1);
    const mac = bundle.repositoryKeys(1).configMac(salt);
    expect(codeOf(() => keys.checkConfigMac(salt, mac))).toBeUndefined();
    expect(codeOf(() => keys.checkConfigMac(salt, salt))).toBe('CONFIG_FORGED');
    expect(codeOf(() => keys.checkConfigMac(salt, mac.subarray(1)))).toBe('CONFIG_FORGED');
    expect(codeOf(() => keys.checkConfigMac(aadOther, mac))).toBe('CONFIG_FORGED');
  });

  test('shows no secret when inspected, printed or made into JSON', () => {
    const carried = bundle.workerKeys(1);
    const keys = bundle.repositoryKeys(1);
    const sealingKey = keys.sealingKey('data', 1, salt);
    const secrets = [
      carried.idKey,
      carried.chunkerSecret,
      ...carried.epochs.map(({ data }) => data),
    ];
    const options = { showHidden: true, depth: 10, getters: true };
    const shown = [bundle, keys, keys.ids, keys.identities, sealingKey]
      .flatMap((value) => [
        inspect(value, options),
        JSON.stringify(value),
        Object.values(value).join(),
      ])
      .join('\n');
    for (const secret of secrets) {
      expect(shown).not.toContain(toHex(secret));
      expect(shown).not.toContain(toHex(secret).slice(0, 16));
      expect(shown).not.toContain(Buffer.from(secret).toString('base64'));
      expect(shown).not.toContain(inspect(secret).slice(20, 60));
      expect(shown).not.toContain(Array.from(secret).slice(0, 8).join(','));
    }
  });
});

const aadOther = Buffer.from('other');

describe('a sealed bundle', () => {
  const bundle = MasterBundle.create(repository, 1000, systemRandom).encode();
  const place = { suite: 1 as const, salt, aad: Buffer.from('all before') };
  const password: Secret = { kind: 'password', password: 'correct horse' };
  const key: Secret = { kind: 'key', key: new Uint8Array(32).fill(4) };
  const none: Secret = { kind: 'none' };

  test.each<[string, Secret, 0 | 1]>([
    ['a password', password, 1],
    ['a key file', key, 1],
    ['nothing', none, 0],
  ])('is opened with %s', async (_, secret, suite) => {
    const parameters = kdfParametersFor(secret, cheap);
    const sealed = await sealBundle(bundle, secret, parameters, { ...place, suite });
    const opened = await openBundle(sealed, secret, parameters, { ...place, suite });
    expect(Buffer.from(opened)).toEqual(Buffer.from(bundle));
  });

  test('is denied to another password or key', async () => {
    const parameters = kdfParametersFor(password, cheap);
    const sealed = await sealBundle(bundle, password, parameters, place);
    for (const wrong of ['correct horsf', '', 'Correct horse', 'correct horse ']) {
      const secret: Secret = { kind: 'password', password: wrong };
      expect(await codeOfAsync(openBundle(sealed, secret, parameters, place))).toBe('WRONG_SECRET');
    }
    expect(await codeOfAsync(openBundle(sealed, key, parameters, place))).toBe('WRONG_SECRET');
    expect(await codeOfAsync(openBundle(sealed, none, parameters, place))).toBe('WRONG_SECRET');
  });

  test('is denied when anything before it was changed', async () => {
    const parameters = kdfParametersFor(key);
    const sealed = await sealBundle(bundle, key, parameters, place);
    const changed = { ...place, aad: aadOther };
    expect(await codeOfAsync(openBundle(sealed, key, parameters, changed))).toBe('WRONG_SECRET');
  });

  test('without encryption never answers to a password or key', async () => {
    const open0 = { ...place, suite: 0 as const };
    const sealed = await sealBundle(bundle, none, { kdf: 'none' }, open0);
    expect(await codeOfAsync(openBundle(sealed, password, { kdf: 'none' }, open0))).toBe(
      'WRONG_SECRET',
    );
    expect(await codeOfAsync(openBundle(sealed, key, { kdf: 'hkdf' }, open0))).toBe('WRONG_SECRET');
    const argon = kdfParametersFor(password, cheap);
    expect(await codeOfAsync(openBundle(sealed, password, argon, open0))).toBe('WRONG_SECRET');
  });

  test('is opened with the password in another Unicode form', async () => {
    const parameters = kdfParametersFor(password, cheap);
    const composed: Secret = { kind: 'password', password: 'caf\u00e9' };
    const decomposed: Secret = { kind: 'password', password: 'cafe\u0301' };
    const sealed = await sealBundle(bundle, composed, parameters, place);
    await expect(openBundle(sealed, decomposed, parameters, place)).resolves.toBeDefined();
  });

  test.each([
    { passes: 17 },
    { passes: 0 },
    { memoryKiB: 2_097_153 },
    { memoryKiB: 4 },
    { lanes: 17 },
    { lanes: 0 },
    { passes: Number.NaN },
    { memoryKiB: 64.5 },
  ])('refuses costs of %o before any work', async (change) => {
    const parameters: KdfParameters = { kdf: 'argon2id', version: 19, ...cheap, ...change };
    const started = performance.now();
    expect(await codeOfAsync(openBundle(bundle, password, parameters, place))).toBe(
      'KDF_COSTS_REFUSED',
    );
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test('shows no secret in errors', async () => {
    const parameters = kdfParametersFor(password, cheap);
    const error: unknown = await openBundle(bundle, password, parameters, place).catch(
      (e: unknown) => e,
    );
    const shown = inspect(error, { showHidden: true, depth: 10 }) + JSON.stringify(error);
    expect(shown).toContain('WRONG_SECRET');
    expect(shown).not.toContain('correct horse');
  });

  test('costs a quarter of a gigabyte by default', () => {
    expect(kdfParametersFor(password)).toEqual({
      kdf: 'argon2id',
      version: 19,
      passes: 3,
      memoryKiB: 262_144,
      lanes: 1,
    });
  });
});

describe('Argon2id', () => {
  test.each([cheap, { passes: 2, memoryKiB: 128, lanes: 4 }])(
    'is the same in both ways with %o',
    async (costs) => {
      const native = await argon2id('pässword', salt, costs);
      const wasm = await wasmArgon2id(Buffer.from('pässword'.normalize('NFC')), salt, costs);
      expect(toHex(native)).toBe(toHex(wasm));
    },
  );
});

describe('a key file', () => {
  const key = randomBytes(32);

  test('is read as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        expect(decodeKeyFile(encodeKeyFile(bytes))).toEqual(bytes);
      }),
    );
  });

  test('may be typed in other letters, groups and lines', () => {
    const characters = encodeKeyFile(key).replace(/^#.*$/gm, '').replace(/[\s-]/g, '');
    expect(characters).toMatch(/^[0-9A-HJKMNP-TV-Z]{56}$/);
    const typed = [
      characters.toLowerCase(),
      characters.replace(/0/g, 'O').replace(/1/g, 'I'),
      characters.replace(/0/g, 'o').replace(/1/g, 'l'),
      characters.replace(/(.{7})/g, '$1 \r\n\t'),
      `# a note\r\n${characters}\r\n# another`,
    ];
    for (const text of typed) expect(decodeKeyFile(text)).toEqual(Uint8Array.from(key));
  });

  test('tells every mistyped character and every exchange of neighbours', () => {
    const characters = encodeKeyFile(key).replace(/^#.*$/gm, '').replace(/[\s-]/g, '');
    for (let at = 0; at < 56; at++) {
      const other = characters[at] === '7' ? '8' : '7';
      const mistyped = characters.slice(0, at) + other + characters.slice(at + 1);
      expect(codeOf(() => decodeKeyFile(mistyped))).toBe('KEY_FILE_MISTYPED');
    }
    const pairs = Array.from({ length: 55 }, (_, at) => at).filter(
      (at) => characters[at] !== characters[at + 1],
    );
    for (const at of pairs) {
      const swapped =
        characters.slice(0, at) +
        characters.charAt(at + 1) +
        characters.charAt(at) +
        characters.slice(at + 2);
      expect(codeOf(() => decodeKeyFile(swapped))).toBe('KEY_FILE_MISTYPED');
    }
  });

  test.each([
    '',
    'hello',
    'U'.repeat(56),
    '0'.repeat(55),
    '0'.repeat(57),
    'é'.repeat(56),
    ' '.repeat(70_000),
  ])('is not %j', (text) => {
    expect(codeOf(() => decodeKeyFile(text))).toBe('KEY_FILE_INVALID');
  });

  test('is known where a password could be, and nothing else is taken for one', () => {
    expect(secretOfText(encodeKeyFile(key))).toEqual({ kind: 'key', key: Uint8Array.from(key) });
    expect(secretOfText('0'.repeat(56))).toEqual({ kind: 'password', password: '0'.repeat(56) });
    expect(secretOfText('pass word')).toEqual({ kind: 'password', password: 'pass word' });
  });
});

describe('identities', () => {
  const hasher = new IdentityHasher(new Uint8Array(32).fill(1));
  const byteString = (text: string): ByteString => text as ByteString;

  test('are UUIDs of version 8', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const id = toHex(hasher.versionId(bytes));
        expect(id).toMatch(/^[0-9a-f]{12}8[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
      }),
    );
  });

  test('of a source do not depend on the order of its paths, and tell where one ends', () => {
    const a = byteString('/a');
    const b = byteString('/b');
    expect(hasher.sourceId('host', [b, a])).toEqual(hasher.sourceId('host', [a, b]));
    const joined = hasher.sourceId('host', [byteString('/a/b')]);
    expect(hasher.sourceId('host', [a, b])).not.toEqual(joined);
    expect(hasher.sourceId('host/', [byteString('a')])).not.toEqual(hasher.sourceId('host', [a]));
  });

  test('are made as the specification says', () => {
    const identityKey = createHmac('sha256', new Uint8Array(32).fill(1))
      .update('versions/1/identity')
      .digest();
    const source = hasher.sourceId('h', [byteString('/x')]);
    const message = Buffer.concat([
      Buffer.from('source'),
      Buffer.from('0100000068', 'hex'),
      Buffer.from('020000002f78', 'hex'),
    ]);
    const hash = createHmac('sha256', identityKey).update(message).digest();
    expect(source.subarray(0, 6)).toEqual(hash.subarray(0, 6));
    const file = createHmac('sha256', identityKey)
      .update('file')
      .update(source)
      .update('/x')
      .digest();
    expect(hasher.fileId(source, byteString('/x')).subarray(9)).toEqual(file.subarray(9, 16));
  });
});
