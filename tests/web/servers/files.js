'use strict';
// The page: the files of `site`, the compiled page, and engine.io-client to compare with.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { listening } = require('./listening');

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };

async function files(require, { page }) {
  const site = path.join(__dirname, '..', 'site');
  const read = (file) => ({ data: fs.readFileSync(file), type: TYPES[path.extname(file)] });
  const served = new Map();
  for (const name of fs.readdirSync(site)) served.set(`/${name}`, read(path.join(site, name)));
  for (const name of ['page.js', 'page_bg.wasm']) served.set(`/${name}`, read(path.join(page, name)));
  const reference = path.dirname(require.resolve('engine.io-client/package.json'));
  served.set('/engine.io.min.js', read(path.join(reference, 'dist', 'engine.io.min.js')));
  const server = http.createServer((request, response) => {
    const file = served.get(request.url === '/' ? '/index.html' : request.url);
    // Browsers ask for an icon.
    if (!file) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': file.type }).end(file.data);
  });
  return listening(server);
}

module.exports = { files };
