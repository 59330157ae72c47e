// Other hosts than a page: a worker, and Node.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const COUNT = 2000;
const ECHO = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'node_echo.cjs');

function inWorker([name, options, ...rest]) {
  const worker = new Worker('/worker.mjs', { type: 'module' });
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(`the worker failed: ${event.message}`));
    worker.onmessage = ({ data: { isReady, result, error } }) => {
      if (isReady) worker.postMessage([name, options, ...rest]);
      else if (error) reject(new Error(error));
      else resolve(result);
    };
  }).finally(() => worker.terminate());
}

/// Runs a program in Node, and resolves to its output once it has ended by itself.
function inNode(flags, args) {
  const child = spawn(process.execPath, [...flags, ECHO, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const late = setTimeout(() => child.kill('SIGKILL'), 50_000);
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      clearTimeout(late);
      if (code === 0) resolve(output);
      else reject(new Error(`Node ended with ${signal ?? code}: ${output}`));
    });
  });
}

/// The flags with which this Node has a WebSocket, or nothing.
function websocketFlags() {
  if (globalThis.WebSocket) return [];
  return process.allowedNodeEnvironmentFlags.has('--experimental-websocket') ? ['--experimental-websocket'] : undefined;
}

function inNodeBy(transports) {
  return {
    name: `2,000 messages are echoed in Node by ${transports}, and its process ends by itself`,
    // It has nothing to do with the browser, so one run is enough.
    isChromiumOnly: true,
    async run(t) {
      if (!t.settings.node) return t.note('not run: there is no --node');
      const flags = websocketFlags();
      if (!flags && transports !== 'polling') return t.note('not run: this Node has no WebSocket');
      const server = await t.engine();
      const options = { url: server.url, transports: transports.split(' then ') };
      const output = await inNode(flags ?? [], [path.resolve(t.settings.node), JSON.stringify(options), `${COUNT}`]);
      const { result, lingered } = JSON.parse(output.slice(output.indexOf('{')));
      t.note(`${result.microsPerMessage.toFixed(0)} µs each, ended ${lingered.toFixed(0)} ms later`);
      // A timer or a port that is left over would hold the process.
      assert.ok(lingered < 20_000, `${lingered} ms`);
    },
  };
}

export default [
  ...[{ way: 'WebSocket', transports: ['websocket'] }, { way: 'polling', transports: ['polling'] }].map(({ way, transports }) => ({
    name: `2,000 messages are echoed in a worker by ${way}`,
    async run(t) {
      const server = await t.engine();
      const page = await t.page();
      const result = await page.evaluate(inWorker, ['echo', { url: server.url, transports }, COUNT, false]);
      t.note(`${result.microsPerMessage.toFixed(0)} µs each`);
    },
  })),
  inNodeBy('polling'),
  inNodeBy('websocket'),
  inNodeBy('polling then websocket'),
];
