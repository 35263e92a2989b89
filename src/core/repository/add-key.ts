import { encodeKeyFile } from '../crypto/index.ts';
import { VersionsError } from '../errors/index.ts';
import { createKeyObject } from './key-access.ts';
import { keyObjectKey } from './object-keys.ts';
import type { Repository } from './repository.ts';

/** Adds a generated key as one more way to unlock the repository; returns the key file's text. */
export async function addKeyFile(
  repository: Repository,
  signal?: AbortSignal,
): Promise<{ readonly keyText: string }> {
  repository.assertWritable();
  if (!repository.encrypted) {
    throw new VersionsError(
      'Usage',
      'NOT_ENCRYPTED',
      'The repository is not encrypted, so there is no key to export',
    );
  }
  const { random, clock, bundle, mirrors } = repository;
  const key = random.bytes(32);
  const created = clock.now();
  const object = await createKeyObject(
    bundle,
    { kind: 'key', key },
    { repository: repository.id, random, created },
  );
  await mirrors.put(keyObjectKey(object.name), [object.bytes], { signal });
  await repository.log.append(() => [{ type: 'keys', add: [object.name], remove: [] }], { signal });
  await mirrors.drain();
  return { keyText: encodeKeyFile(key) };
}
