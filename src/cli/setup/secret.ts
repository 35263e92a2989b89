import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import {
  decodeKeyFile,
  isVersionsError,
  type Secret,
  secretOfText,
  systemErrorCode,
  VersionsError,
} from '../../core/index.ts';
import type { Io } from '../io.ts';
import type { Settings } from '../options/settings.ts';
import { childEnvironment } from './child-environment.ts';
import { askSecret, canAsk } from './prompt.ts';

const secretBytesMax = 64 * 1024;

/** Settings that give a secret, the first wins among those of one place. */
const secretSettings = ['password', 'key-file', 'password-file', 'password-command'] as const;

export type SecretSetting = (typeof secretSettings)[number];

/** The setting that the secret comes from; undefined if none is set. Throws `Usage` for two flags. */
export function secretSettingOf(settings: Settings): SecretSetting | undefined {
  const given = secretSettings.filter((name) => settings.isSet(name));
  const flags = given.filter((name) => settings.isFromFlag(name));
  if (flags.length > 1) {
    throw new VersionsError(
      'Usage',
      'TWO_SECRETS',
      `Only one of ${flags.map((name) => `--${name}`).join(' and ')} can be used`,
      { hint: 'leave all but one away' },
    );
  }
  return given.toSorted((a, b) => settings.strength(a) - settings.strength(b))[0];
}

/** Reads the secret that a setting names. */
export async function readSecret(
  setting: SecretSetting,
  settings: Settings,
  io: Io,
): Promise<Secret> {
  const value = settings.text(setting) ?? '';
  switch (setting) {
    case 'password':
      return secretIn(value, 'The variable VERSIONS_PASSWORD', { isWhole: true });
    case 'key-file':
      return { kind: 'key', key: await readKeyFile(value) };
    case 'password-file':
      return secretIn(await readSecretFile(value), `The file ${value}`);
    case 'password-command':
      return secretIn(await runCommand(value, io), 'The password command');
    default:
      return setting satisfies never;
  }
}

/** The key in a key file. */
export async function readKeyFile(path: string): Promise<Uint8Array> {
  const text = await readSecretFile(path);
  try {
    return decodeKeyFile(text);
  } catch (error) {
    if (!isVersionsError(error)) throw error;
    throw new VersionsError(error.kind, error.code, `${path}: ${error.message}`, {
      hint: 'bring the key file back from where its copy is kept',
      cause: error,
    });
  }
}

/** The secret of an existing repository: as configured, or asked for on a terminal. */
export async function secretOf(
  settings: Settings,
  io: Io,
  options: { readonly name: string; readonly mayAsk: boolean },
): Promise<Secret> {
  const setting = secretSettingOf(settings);
  if (setting !== undefined) return readSecret(setting, settings, io);
  if (settings.flag('unsafe-no-encryption')) return { kind: 'none' };
  if (options.mayAsk && canAsk(io)) {
    const text = await askSecret(io, `Password or key of ${options.name}`);
    return secretIn(text, 'The answer');
  }
  throw new VersionsError(
    'Denied',
    'NO_SECRET',
    `Neither a password nor a key is known for ${options.name}`,
    { hint: 'give --key-file FILE or --password-file FILE, or set VERSIONS_PASSWORD' },
  );
}

/** A key if the text is one, else a password: the first line of a file, further lines may be notes. */
function secretIn(text: string, what: string, { isWhole = false } = {}): Secret {
  const secret = secretOfText(text);
  if (secret.kind === 'key') return secret;
  const password = isWhole ? text : (text.split(/\r?\n/, 1)[0] ?? '');
  if (password !== '') return { kind: 'password', password };
  throw new VersionsError('Usage', 'EMPTY_PASSWORD', `${what} holds no password`, {
    hint: 'give a password, or unset it to use another source',
  });
}

async function readSecretFile(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const buffer = Buffer.alloc(secretBytesMax);
    // A pipe, such as of a shell's <(…), gives its content in pieces and has no size.
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    return textOf(buffer.subarray(0, length), `The file ${path}`);
  } catch (error) {
    if (error instanceof VersionsError) throw error;
    throw new VersionsError(
      'Denied',
      'SECRET_FILE_UNREADABLE',
      `The file ${path} with the password or key cannot be read (${systemErrorCode(error) ?? 'unknown reason'})`,
      {
        hint: 'bring it back from where its copy is kept, or name another with --key-file',
        cause: error,
      },
    );
  }
}

async function runCommand(command: string, io: Io): Promise<string> {
  // A command may ask on the terminal itself, but must not eat data that comes on standard input.
  const input = io.stdin.isTTY === true ? 'inherit' : 'ignore';
  const env = childEnvironment(io);
  const child = spawn(command, { shell: true, stdio: [input, 'pipe', 'inherit'], env });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.on('error', reject);
  child.on('close', (code, signal) => resolve(signal ?? String(code)));
  const parts: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (part: Buffer) => {
    if (length < secretBytesMax) parts.push(part);
    length += part.length;
  });
  const end = await promise;
  if (end !== '0') {
    throw new VersionsError(
      'Denied',
      'PASSWORD_COMMAND_FAILED',
      `The password command ended with ${end}`,
      { hint: 'run the command by itself to see why' },
    );
  }
  return textOf(Buffer.concat(parts), 'The password command');
}

function textOf(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new VersionsError('Usage', 'PASSWORD_NOT_TEXT', `${what} gives no text in UTF-8`, {
      hint: 'a password is one line of text; a key file is made by versions init or versions key export',
    });
  }
}
