#!/usr/bin/env node
// Plain JavaScript without anything new, and CommonJS by the package.json beside it, so that a Node
// too old for the program itself still parses this file and can say so.
'use strict';

const nodeMajorMin = 24;

async function start() {
  const { main } = await import('../dist/cli/main.js');
  process.exitCode = await main(process.argv.slice(2));
}

function fail(error) {
  const isNotBuilt = error.code === 'ERR_MODULE_NOT_FOUND' && /cli.main\.js/.test(error.message);
  const reason = isNotBuilt ? 'versions is not built, run: npm run build' : error.stack;
  process.stderr.write(`${reason || error}\n`);
  process.exitCode = 1;
}

if (parseInt(process.versions.node, 10) < nodeMajorMin) {
  process.stderr.write(
    `versions needs Node.js ${nodeMajorMin} or newer, but this is ${process.versions.node}\n`,
  );
  process.exitCode = 2;
} else {
  start().catch(fail);
}
