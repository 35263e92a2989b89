/**
 * Imported by `node --import` before our own program to make it see as many processors as
 * `BENCH_PROCESSORS` says, so that it starts that many worker threads on the same machine.
 */
import os from 'node:os';
import { syncBuiltinESMExports } from 'node:module';

const processors = Number(process.env['BENCH_PROCESSORS']);
os.availableParallelism = () => processors;
syncBuiltinESMExports();
