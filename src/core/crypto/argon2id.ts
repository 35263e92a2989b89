import * as nodeCrypto from 'node:crypto';
import { VersionsError } from '../errors/index.ts';
import { checkKdfCosts, type KdfCosts } from './key-costs.ts';

/**
 * 32 bytes from a password: by Node's own Argon2id where this Node has it, else by the slower one in
 * WebAssembly. The costs are checked first.
 */
export async function argon2id(
  password: string,
  salt: Uint8Array,
  costs: KdfCosts,
): Promise<Uint8Array> {
  checkKdfCosts(costs);
  const message = Buffer.from(password.normalize('NFC'), 'utf8');
  try {
    return 'argon2' in nodeCrypto
      ? await nodeArgon2id(message, salt, costs)
      : await wasmArgon2id(message, salt, costs);
  } finally {
    message.fill(0);
  }
}

function nodeArgon2id(message: Uint8Array, salt: Uint8Array, costs: KdfCosts): Promise<Uint8Array> {
  const parameters = {
    message,
    nonce: salt,
    parallelism: costs.lanes,
    tagLength: 32,
    memory: costs.memoryKiB,
    passes: costs.passes,
  };
  return new Promise((resolve, reject) => {
    nodeCrypto.argon2('argon2id', parameters, (error, derived) => {
      if (error === null) resolve(derived);
      else reject(derivationFailed(costs, error));
    });
  });
}

/** Exported for its test: both ways must agree, and only one of them is taken on any one Node. */
export async function wasmArgon2id(
  message: Uint8Array,
  salt: Uint8Array,
  costs: KdfCosts,
): Promise<Uint8Array> {
  const { argon2id: derive } = await import('hash-wasm');
  try {
    return await derive({
      password: message,
      salt,
      parallelism: costs.lanes,
      iterations: costs.passes,
      memorySize: costs.memoryKiB,
      hashLength: 32,
      outputType: 'binary',
    });
  } catch (error) {
    throw derivationFailed(costs, error);
  }
}

function derivationFailed(costs: KdfCosts, cause: unknown): VersionsError {
  return new VersionsError(
    'Unsupported',
    'KDF_FAILED',
    `This machine could not turn the password into a key, which takes ${Math.ceil(costs.memoryKiB / 1024)} MiB of memory`,
    { hint: 'Free some memory, or unlock with a key file', cause },
  );
}
