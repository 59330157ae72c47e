'use strict';
// A WebSocket server that sends as much as it can, whether the client reads or not.

const http = require('node:http');
const { listening } = require('./listening');

const HANDSHAKE = { sid: 'flood', upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1e6 };

/// Sends the numbers from 0 on as texts of `size` bytes, `bytes` in all.
async function flood(require, { bytes, size }) {
  const { WebSocketServer } = require('ws');
  const web = http.createServer((_request, response) => response.writeHead(404).end());
  const server = new WebSocketServer({ server: web, perMessageDeflate: false });
  let tellEnd;
  const ended = new Promise((resolve) => (tellEnd = resolve));
  server.on('connection', (socket) => {
    socket.on('close', tellEnd);
    // The client ends the connection in the middle.
    socket.on('error', () => {});
    socket.send(`0${JSON.stringify(HANDSHAKE)}`);
    for (let number = 0; number * size < bytes; number++) socket.send(`4${String(number).padEnd(size)}`);
  });
  return { ...(await listening(web)), ended: () => ended };
}

module.exports = { flood };
