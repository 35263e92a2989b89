/**
 * To be imported before a program (`node --import`), in its threads too: calls of `node:fs` fail
 * with EIO, as `faults` in the address says: `[{ "path": "pattern", "calls": ["read", "sync"] }]`.
 * `read` is of a file or a directory.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Call = (...args: unknown[]) => unknown;
type Calls = Record<string, Call>;
type Kind = 'read' | 'write' | 'sync';

// Wrapping whatever function a module has cannot be told to the compiler.
// oxlint-disable typescript/no-unsafe-type-assertion
const faults = JSON.parse(new URL(import.meta.url).searchParams.get('faults') ?? '[]') as readonly {
  readonly path: string;
  readonly calls: readonly Kind[];
}[];
const paths = new Map<number, string>();

/** A thread may read what another one has opened. */
function pathOf(fd: unknown): string | undefined {
  const known = paths.get(Number(fd));
  if (known !== undefined) return known;
  try {
    return fs.readlinkSync(`/proc/self/fd/${Number(fd)}`);
  } catch {
    return undefined;
  }
}

/** A path that leads through a descriptor, as it is seen from the root. */
function fromRoot(path: string): string {
  return path.replace(/^\/proc\/self\/fd\/\d+/, (start) => {
    try {
      return fs.readlinkSync(start);
    } catch {
      return start;
    }
  });
}

function isFaulty(path: unknown, kind: Kind): boolean {
  const text = typeof path === 'string' || Buffer.isBuffer(path) ? fromRoot(path.toString()) : '';
  return faults.some((fault) => fault.calls.includes(kind) && new RegExp(fault.path).test(text));
}

function assertWell(path: unknown, kind: Kind): void {
  if (!isFaulty(path, kind)) return;
  const fields = { code: 'EIO', errno: -5, syscall: kind };
  throw Object.assign(new Error(`EIO: i/o error, ${kind}`), fields);
}

/** Wraps a call, and keeps what else the function has: `promisify` looks for it. */
function wrap(calls: Calls, name: string, made: (inner: Call) => Call): void {
  const inner = calls[name];
  if (inner === undefined) throw new Error(`There is no ${name}`);
  const outer = made(inner);
  calls[name] = Object.defineProperties(outer, Object.getOwnPropertyDescriptors(inner));
}

const byDescriptor: readonly (readonly [string, Kind])[] = [
  ['read', 'read'],
  ['readv', 'read'],
  ['write', 'write'],
  ['writev', 'write'],
  ['fsync', 'sync'],
  ['fdatasync', 'sync'],
];
const module = fs as unknown as Calls;

wrap(module, 'openSync', (inner) => (...args) => {
  // Whoever opens a directory lists it by calls that do not pass here.
  const isDirectory = (Number(args[1]) & fs.constants.O_DIRECTORY) !== 0;
  if (isDirectory) assertWell(args[0], 'read');
  const fd = Number(inner(...args));
  paths.set(fd, String(args[0]));
  return fd;
});
wrap(module, 'open', (inner) => (...args) => {
  const done = args.pop() as Call;
  return inner(...args, (error: unknown, fd: unknown) => {
    paths.set(Number(fd), String(args[0]));
    done(error, fd);
  });
});
for (const name of ['readdirSync', 'opendirSync', 'readFileSync']) {
  wrap(module, name, (inner) => (...args) => {
    assertWell(args[0], 'read');
    return inner(...args);
  });
}
for (const [name, kind] of byDescriptor) {
  wrap(module, `${name}Sync`, (inner) => (...args) => {
    assertWell(pathOf(args[0]), kind);
    return inner(...args);
  });
  wrap(module, name, (inner) => (...args) => {
    try {
      assertWell(pathOf(args[0]), kind);
    } catch (error) {
      const done = args.pop() as Call;
      return void setImmediate(() => done(error));
    }
    return inner(...args);
  });
}
let isWrapped = false;
wrap(fs.promises as unknown as Calls, 'open', (inner) => async (...args) => {
  const handle = (await inner(...args)) as fs.promises.FileHandle;
  paths.set(handle.fd, String(args[0]));
  if (!isWrapped) wrapHandles(Object.getPrototypeOf(handle) as Calls);
  isWrapped = true;
  return handle;
});

function wrapHandles(prototype: Calls): void {
  const calls = [
    ['read', 'read'],
    ['readFile', 'read'],
    ['write', 'write'],
    ['writev', 'write'],
    ['writeFile', 'write'],
    ['sync', 'sync'],
    ['datasync', 'sync'],
  ] as const;
  for (const [name, kind] of calls) {
    wrap(
      prototype,
      name,
      (inner) =>
        async function faulty(this: fs.promises.FileHandle, ...args: unknown[]) {
          assertWell(paths.get(this.fd), kind);
          return inner.apply(this, args);
        },
    );
  }
}

syncBuiltinESMExports();
