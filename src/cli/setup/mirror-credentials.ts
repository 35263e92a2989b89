import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import {
  type AccessKeys,
  credentialsForms,
  errorMessage,
  parseCredentialsSource,
  type StoreCredentials,
  VersionsError,
} from '../../core/index.ts';
import type { Io } from '../io.ts';
import { childEnvironment } from './child-environment.ts';

const textBytesMax = 64 * 1024;
const commandMsMax = 60_000;

/**
 * How a mirror finds its credentials, from what the configuration says; undefined if it says
 * nothing: then as the AWS tools do. Nothing is read before a request needs it, and again when what
 * was read has expired.
 */
export function credentialsOf(
  text: string | undefined,
  io: Pick<Io, 'env'>,
): StoreCredentials | undefined {
  if (text === undefined) return undefined;
  const source = parseCredentialsSource(text);
  if (source === undefined) {
    throw invalid(`Credentials must be ${credentialsForms}`);
  }
  const { kind, value } = source;
  switch (kind) {
    case 'profile':
      return { kind: 'profile', profile: value };
    case 'env':
      return { kind: 'keys', load: async () => keysOfVariables(value, io) };
    case 'file':
      return { kind: 'keys', load: async () => parseAccessKeys(await readText(value), text) };
    case 'command':
      return {
        kind: 'keys',
        load: async () => parseAccessKeys(await runCommand(value, io), 'The credentials command'),
      };
    default:
      return kind satisfies never;
  }
}

function keysOfVariables(prefix: string, { env }: Pick<Io, 'env'>): AccessKeys {
  const accessKeyId = env[`${prefix}_ACCESS_KEY_ID`];
  const secretAccessKey = env[`${prefix}_SECRET_ACCESS_KEY`];
  if (!accessKeyId || !secretAccessKey) {
    throw missing(`Neither ${prefix}_ACCESS_KEY_ID nor ${prefix}_SECRET_ACCESS_KEY may be empty`);
  }
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: env[`${prefix}_SESSION_TOKEN`] || undefined,
  };
}

/**
 * Keys in one of three forms: JSON as AWS's `credential_process` prints it, lines `name = value` as
 * in AWS's credentials file, or two lines, the key's id and its secret. `what` is for messages,
 * which never show the text.
 */
export function parseAccessKeys(text: string, what: string): AccessKeys {
  const trimmed = text.trim();
  const fields = trimmed.startsWith('{') ? jsonFields(trimmed, what) : lineFields(trimmed);
  const accessKeyId = fields.get('accesskeyid');
  const secretAccessKey = fields.get('secretaccesskey');
  if (!accessKeyId || !secretAccessKey) throw invalid(`${what} gives no access key and secret`);
  const expiration = fields.get('expiration');
  const expiresAt = expiration === undefined ? undefined : Date.parse(expiration);
  if (Number.isNaN(expiresAt)) throw invalid(`${what} gives an expiration that is no time`);
  return { accessKeyId, secretAccessKey, sessionToken: fields.get('sessiontoken'), expiresAt };
}

function jsonFields(text: string, what: string): Map<string, string> {
  try {
    const parsed: unknown = JSON.parse(text);
    const entries = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : [];
    return new Map(
      entries.flatMap(([name, value]) =>
        typeof value === 'string' ? [[plainName(name), value] as const] : [],
      ),
    );
  } catch {
    // The parser's own message would show part of the text.
    throw invalid(`${what} gives text that is no JSON`);
  }
}

function lineFields(text: string): Map<string, string> {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[#;[]/.test(line));
  const pairs = lines.map((line) => /^([A-Za-z_]+)\s*=\s*(.*)$/.exec(line));
  if (pairs.every((pair) => pair !== null)) {
    return new Map(pairs.map(([, name = '', value = '']) => [plainName(name), value]));
  }
  const [accessKeyId = '', secretAccessKey = ''] = lines;
  return new Map([
    ['accesskeyid', accessKeyId],
    ['secretaccesskey', secretAccessKey],
  ]);
}

/** `aws_access_key_id` and `AccessKeyId` are one name. */
function plainName(name: string): string {
  return name.toLowerCase().replaceAll('_', '').replace(/^aws/, '');
}

async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    return bytes.subarray(0, textBytesMax).toString('utf8');
  } catch (error) {
    throw missing(`The file ${path} with credentials cannot be read`, error);
  }
}

async function runCommand(command: string, io: Pick<Io, 'env'>): Promise<string> {
  const child = spawn(command, {
    shell: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: childEnvironment(io),
    timeout: commandMsMax,
  });
  const { promise, resolve } = Promise.withResolvers<string>();
  child.on('error', (error) => resolve(errorMessage(error)));
  child.on('close', (code, signal) => resolve(signal ?? String(code)));
  const parts: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (part: Buffer) => {
    if (length < textBytesMax) parts.push(part);
    length += part.length;
  });
  const end = await promise;
  if (end !== '0') throw missing(`The credentials command ended with ${end}`);
  return Buffer.concat(parts).toString('utf8');
}

function missing(message: string, cause?: unknown): VersionsError {
  return new VersionsError('Denied', 'STORE_CREDENTIALS_MISSING', message, {
    hint: 'correct the credentials of the mirror: versions config show',
    cause,
  });
}

function invalid(message: string): VersionsError {
  return new VersionsError('Denied', 'STORE_CREDENTIALS_INVALID', message, {
    hint: 'correct the credentials of the mirror: versions config show',
  });
}
