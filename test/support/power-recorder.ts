/**
 * To be imported before a program (`node --import`): records every change of files and names below
 * a root, and every fsync, as they pass through `node:fs`. What SQLite does is seen by its result.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, resolve } from 'node:path';
import { serialize } from 'node:v8';
import { isMainThread } from 'node:worker_threads';
import type { PowerEvent, PowerOrder } from './power-record.ts';

type Call = (...args: unknown[]) => unknown;
type Calls = Record<string, Call>;

// Wrapping whatever function a module has cannot be told to the compiler.
// oxlint-disable typescript/no-unsafe-type-assertion
const order = JSON.parse(process.env['VERSIONS_POWER_RECORD'] ?? '{}') as PowerOrder;
const real = { ...fs } as unknown as typeof fs;
const log = isMainThread ? real.openSync(order.log, 'a') : -1;
/** By path. */
const files = new Map<string, number>();
const contents = new Map<number, number>();
/** What a descriptor stands for: a file, or the path of a directory. */
const opened = new Map<number, number | string>();
const databases = new Map<string, string>();
let filesSeen = 0;
let events = 0;

function record(event: PowerEvent): void {
  recordDatabases();
  write(event);
}

function write(event: PowerEvent): void {
  const bytes = serialize(event);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.byteLength);
  real.writeSync(log, Buffer.concat([length, bytes]));
  events += 1;
}

function recordDatabases(): void {
  for (const path of order.databases) {
    const stat = real.statSync(`${order.root}/${path}`, { bigint: true, throwIfNoEntry: false });
    const mark = stat === undefined ? '' : `${stat.ino}/${stat.size}/${stat.mtimeNs}`;
    if ((databases.get(path) ?? '') === mark) continue;
    databases.set(path, mark);
    const bytes = stat && new Uint8Array(real.readFileSync(`${order.root}/${path}`));
    write({ kind: 'database', path, bytes });
  }
}

/** Undefined for what lies elsewhere, and for databases. */
function below(path: unknown): string | undefined {
  if (typeof path !== 'string' && !(path instanceof URL) && !Buffer.isBuffer(path))
    return undefined;
  const absolute = resolve(path instanceof URL ? path.pathname : path.toString());
  if (!absolute.startsWith(`${order.root}/`)) return undefined;
  const relative = absolute.slice(order.root.length + 1);
  return /\.db(-\w+)?$|\.lock$/.test(relative) || relative.startsWith('source')
    ? undefined
    : relative;
}

function see(path: string): number {
  const known = files.get(path);
  if (known !== undefined) return known;
  filesSeen += 1;
  files.set(path, filesSeen);
  return filesSeen;
}

/** A file that was there before all this is durable as it is. */
function adopt(path: string | undefined): void {
  if (path === undefined || files.has(path)) return;
  const whole = `${order.root}/${path}`;
  if (real.lstatSync(whole, { throwIfNoEntry: false })?.isFile() !== true) return;
  const file = see(path);
  contents.set(file, 1);
  record({ kind: 'adopt', path, file, bytes: new Uint8Array(real.readFileSync(whole)) });
}

/** Before a file is opened: was it there? */
function willOpen(path: unknown): (fd: number) => void {
  const name = below(path);
  if (name === undefined) return (fd) => void opened.delete(fd);
  adopt(name);
  const before = real.statSync(`${order.root}/${name}`, { throwIfNoEntry: false });
  return (fd) => {
    if (before?.isDirectory() === true) {
      opened.set(fd, name);
      return;
    }
    if (before === undefined) files.delete(name);
    const file = see(name);
    opened.set(fd, file);
    if (before === undefined) record({ kind: 'link', path: name, file });
    changed(fd, before?.size ?? 0);
  };
}

/** The file of a descriptor has other bytes now, unless it still has so many. */
function changed(fd: number, unlessBytes = -1): void {
  const file = opened.get(fd);
  if (typeof file !== 'number' || real.fstatSync(fd).size === unlessBytes) return;
  const bytes = new Uint8Array(real.readFileSync(`/proc/self/fd/${fd}`));
  contents.set(file, (contents.get(file) ?? 0) + 1);
  record({ kind: 'content', file, bytes });
}

/** Before an fsync; the result is to be called behind it. */
function willSync(fd: number): () => void {
  const target = opened.get(fd);
  if (target === undefined) return () => {};
  if (typeof target === 'string') {
    const seen = events;
    return () => record({ kind: 'sync-directory', path: target, events: seen });
  }
  const seen = contents.get(target) ?? 0;
  return () => record({ kind: 'sync', file: target, contents: seen });
}

function unlinked(path: string): void {
  files.delete(path);
  record({ kind: 'unlink', path });
}

/** Before names change; the result is to be called behind it. */
function willName(call: string, [first, second]: readonly unknown[]): () => void {
  const [from, to] = [below(first), below(second)];
  adopt(from);
  switch (call) {
    case 'rename':
      return () => {
        if (from === undefined || to === undefined) return;
        const file = see(from);
        files.delete(from);
        files.set(to, file);
        record({ kind: 'rename', from, to, file });
      };
    case 'link':
      return () => {
        if (from === undefined || to === undefined) return;
        const file = see(from);
        files.set(to, file);
        record({ kind: 'link', path: to, file });
      };
    case 'mkdir':
      return willMake(from);
    case 'writeFile':
    case 'appendFile':
      return willWriteFile(from);
    default:
      return willRemove(from);
  }
}

function willMake(path: string | undefined): () => void {
  const missing: string[] = [];
  for (let at = path ?? '.'; at !== '.'; at = dirname(at)) {
    if (!real.existsSync(`${order.root}/${at}`)) missing.unshift(at);
  }
  return () => {
    for (const each of missing) record({ kind: 'mkdir', path: each });
  };
}

function willWriteFile(path: string | undefined): () => void {
  if (path === undefined) return () => {};
  const isNew = !real.existsSync(`${order.root}/${path}`);
  return () => {
    if (isNew) files.delete(path);
    const file = see(path);
    if (isNew) record({ kind: 'link', path, file });
    const bytes = new Uint8Array(real.readFileSync(`${order.root}/${path}`));
    contents.set(file, (contents.get(file) ?? 0) + 1);
    record({ kind: 'content', file, bytes });
  };
}

function willRemove(path: string | undefined): () => void {
  if (path === undefined) return () => {};
  const whole = `${order.root}/${path}`;
  const stat = real.lstatSync(whole, { throwIfNoEntry: false });
  const inside = stat?.isDirectory() === true ? real.readdirSync(whole, { recursive: true }) : [];
  const all = [...inside.map((name) => `${path}/${String(name)}`).toReversed(), path];
  return () => {
    if (stat === undefined || real.existsSync(whole)) return;
    for (const each of all) unlinked(each);
  };
}

const naming = ['rename', 'link', 'mkdir', 'unlink', 'rm', 'rmdir', 'writeFile', 'appendFile'];
const writing = ['write', 'writev', 'ftruncate'];
const syncing = ['fsync', 'fdatasync'];

function wrapSync(calls: Calls): void {
  const wrap = (name: string, before: (args: readonly unknown[]) => (result: unknown) => void) => {
    const inner = calls[name];
    if (inner === undefined) throw new Error(`There is no ${name}`);
    calls[name] = (...args) => {
      const after = before(args);
      const result = order.withoutSync && name.endsWith('syncSync') ? undefined : inner(...args);
      after(result);
      return result;
    };
  };
  wrap('openSync', ([path]) => {
    const after = willOpen(path);
    return (fd) => after(Number(fd));
  });
  wrap(
    'closeSync',
    ([fd]) =>
      () =>
        void opened.delete(Number(fd)),
  );
  for (const name of naming) wrap(`${name}Sync`, (args) => willName(name, args));
  for (const name of writing)
    wrap(
      `${name}Sync`,
      ([fd]) =>
        () =>
          changed(Number(fd)),
    );
  for (const name of syncing) wrap(`${name}Sync`, ([fd]) => lost(willSync(Number(fd))));
}

/** With `withoutSync`, nothing was made durable. */
function lost(after: () => void): () => void {
  return order.withoutSync ? () => {} : after;
}

/** Those with a callback, as far as they are used. */
function wrapCallbacks(calls: Calls): void {
  const wrap = (name: string, before: (args: readonly unknown[]) => (result: unknown) => void) => {
    const inner = calls[name];
    if (inner === undefined) throw new Error(`There is no ${name}`);
    calls[name] = (...args) => {
      const after = before(args);
      const done = args.pop() as Call;
      return inner(...args, (error: unknown, result: unknown) => {
        if (error === null || error === undefined) after(result);
        done(error, result);
      });
    };
  };
  wrap('open', ([path]) => {
    const after = willOpen(path);
    return (fd) => after(Number(fd));
  });
  wrap('close', ([fd]) => {
    opened.delete(Number(fd));
    return () => {};
  });
  for (const name of syncing) wrap(name, ([fd]) => lost(willSync(Number(fd))));
}

function wrapPromises(calls: Calls): void {
  for (const name of naming) {
    const inner = calls[name];
    if (inner === undefined) throw new Error(`There is no ${name}`);
    calls[name] = async (...args) => {
      const after = willName(name, args);
      const result = await inner(...args);
      after();
      return result;
    };
  }
  const { open } = calls;
  let isWrapped = false;
  calls['open'] = async (...args) => {
    const after = willOpen(args[0]);
    const handle = (await open?.(...args)) as fs.promises.FileHandle;
    if (!isWrapped) wrapHandles(Object.getPrototypeOf(handle) as Calls);
    isWrapped = true;
    after(handle.fd);
    return handle;
  };
}

function wrapHandles(prototype: Calls): void {
  for (const name of [
    'write',
    'writev',
    'writeFile',
    'appendFile',
    'truncate',
    'sync',
    'datasync',
  ]) {
    const inner = prototype[name];
    if (inner === undefined) throw new Error(`There is no ${name}`);
    prototype[name] = async function wrapped(this: fs.promises.FileHandle, ...args: unknown[]) {
      const { fd } = this;
      const isSync = name.endsWith('sync');
      const after = isSync ? lost(willSync(fd)) : () => changed(fd);
      const result = isSync && order.withoutSync ? undefined : await inner.apply(this, args);
      after();
      return result;
    };
  }
}

// Worker threads only read.
if (isMainThread) {
  const module = fs as unknown as Calls;
  wrapSync(module);
  wrapCallbacks(module);
  wrapPromises(fs.promises as unknown as Calls);
  syncBuiltinESMExports();
  process.on('exit', recordDatabases);
}
