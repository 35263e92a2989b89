/**
 * Loaded before everything else in a process that runs tests: its threads run what was built
 * before. Node would strip the types in each thread by itself, which takes the larger part of a
 * second, and several threads that use WebAssembly at once make V8 fail every now and then
 * ("Check failed: jit_page.has_value()"). The threads of the program are taken from `dist/`, where
 * each is two files instead of a hundred; what a test lets a thread import from `src/core`, from the
 * modules that were compiled one by one.
 */
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const root = new URL('../../', import.meta.url).href;
const sources = `${root}src/`;
const compiled = `${root}node_modules/.cache/versions-modules/`;
const bundled = new Map([
  [`${sources}core/workers/worker-main.ts`, `${root}dist/chunks/worker-main.js`],
  [`${sources}core/verify/hash-worker.ts`, `${root}dist/chunks/hash-worker.js`],
]);

if (!isMainThread) {
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (!found.url.startsWith(sources) || !found.url.endsWith('.ts')) return found;
      const url =
        bundled.get(found.url) ??
        compiled + found.url.slice(sources.length).replace(/\.ts$/, '.js');
      return existsSync(new URL(url)) ? { ...found, url, format: 'module' } : found;
    },
  });
}
