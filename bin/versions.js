#!/usr/bin/env node
// Plain old JavaScript, and CommonJS by the package.json beside it, so that a Node too old for the
// program still parses this file and can say so.
'use strict';

var nodeMajorMin = 24;

if (parseInt(process.versions.node, 10) < nodeMajorMin) {
  process.stderr.write(
    'versions needs Node.js ' + nodeMajorMin + ' or newer, this is ' + process.versions.node + '\n',
  );
  process.exitCode = 2;
} else {
  import('../dist/cli/main.js')
    .then(function (program) {
      return program.main(process.argv.slice(2));
    })
    .then(function (exitCode) {
      process.exitCode = exitCode;
    });
}
