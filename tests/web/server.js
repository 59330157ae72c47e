'use strict';
// The servers of the tests, in one process. Usage: server.js MODULES PAGE
//
// Its standard input has one command per line, as JSON, and its standard output one answer per line, in any order:
//
// {"id": 1, "start": "engine", "with": {"pingInterval": 300}}   ->   {"id": 1, "result": {"server": 2, "port": 40123}}
// {"id": 2, "ask": 2, "what": "close"}                          ->   {"id": 2, "result": null}
//
// The first line of the output has the port of the page. The process ends when its input does.

const { createRequire } = require('node:module');
const path = require('node:path');
const readline = require('node:readline');
const { answers } = require('./servers/answers');
const { engine } = require('./servers/engine');
const { files } = require('./servers/files');
const { flood } = require('./servers/flood');
const { relay } = require('./servers/relay');

const KINDS = { answers, engine, flood, relay };
const [modules, page] = process.argv.slice(2);
const requireModule = createRequire(path.join(path.resolve(modules), 'modules.js'));
const servers = [];

async function perform(command) {
  if (command.start) {
    const server = await KINDS[command.start](requireModule, command.with ?? {});
    return { server: servers.push(server) - 1, port: server.port };
  }
  return servers[command.ask][command.what](command.with ?? {});
}

async function main() {
  const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const site = await files(requireModule, { page: path.resolve(page) });
  tell({ page: site.port });
  const input = readline.createInterface({ input: process.stdin });
  input.on('line', (line) => {
    const command = JSON.parse(line);
    perform(command).then(
      (result) => tell({ id: command.id, result: result ?? null }),
      (error) => tell({ id: command.id, error: String(error.stack) }),
    );
  });
  input.on('close', () => process.exit(0));
}

main();
