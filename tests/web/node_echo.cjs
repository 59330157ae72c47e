'use strict';
// Echoes in Node. Usage: node_echo.cjs DIRECTORY OPTIONS COUNT
//
// It prints the result when the process ends, which it does when nothing is left that it could wait for.

const path = require('node:path');

const [directory, options, count] = process.argv.slice(2);
const page = require(path.join(directory, 'page.js'));
const waitsForUpgrade = JSON.parse(options).transports.length > 1;

page.echo(options, Number(count), waitsForUpgrade).then(
  (result) => {
    const done = performance.now();
    process.on('exit', () => console.log(JSON.stringify({ result: JSON.parse(result), lingered: performance.now() - done })));
  },
  (error) => {
    console.error(String(error));
    process.exit(1);
  },
);
