/**
 * Loaded before everything else in a process that runs tests: what its threads import from
 * `src/core` is taken from the modules that were compiled before. Node would strip the types in
 * each thread by itself, which takes the larger part of a second, and several threads that use
 * WebAssembly at once make V8 fail every now and then ("Check failed: jit_page.has_value()").
 */
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const sources = new URL('../../src/', import.meta.url).href;
const compiled = new URL('../../node_modules/.cache/versions-modules/', import.meta.url).href;

if (!isMainThread) {
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      if (!found.url.startsWith(sources) || !found.url.endsWith('.ts')) return found;
      const url = compiled + found.url.slice(sources.length).replace(/\.ts$/, '.js');
      return existsSync(new URL(url)) ? { ...found, url, format: 'module' } : found;
    },
  });
}
