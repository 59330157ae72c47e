'use strict';
// A server of Node's engine.io. It echoes messages, except for texts that begin with `do:`, which are commands:
//
// do:send N      sends the numbered messages 0 to N-1, all at once
// do:stream N    sends the same ones bit by bit, so that an upgrade can happen meanwhile
// do:compare N   compares the next N messages with the numbered ones and answers with a verdict
// do:close       closes the session
// do:terminate   ends the connection without closing anything
// do:headers     answers with the headers of the first request, as JSON
// do:transport   answers with the name of the transport

const http = require('node:http');
const { listening } = require('./listening');
const { message, isEqual } = require('./messages');
const { planted } = require('./planted');

/// One session's messages.
class Conversation {
  constructor(socket, fault) {
    this.socket = socket;
    this.fault = planted(fault);
    this.echoed = 0;
    this.comparing = null;
  }

  onMessage(data) {
    if (this.comparing) {
      this.compare(data);
    } else if (typeof data === 'string' && data.startsWith('do:')) {
      const [command, argument] = data.slice(3).split(' ');
      this.command(command, Number(argument));
    } else {
      this.send(this.echoed++, data);
    }
  }

  send(number, data) {
    for (const each of this.fault(number, data)) this.socket.send(each);
  }

  command(name, number) {
    const { socket } = this;
    switch (name) {
      case 'send':
        for (let i = 0; i < number; i++) this.send(i, message(i));
        break;
      case 'stream':
        this.stream(0, number);
        break;
      case 'compare':
        this.comparing = { received: 0, next: 0, count: number, wrong: null };
        break;
      case 'close':
        socket.close();
        break;
      case 'terminate':
        terminate(socket);
        break;
      case 'headers':
        socket.send(JSON.stringify(socket.request.headers));
        break;
      case 'transport':
        socket.send(socket.transport.name);
        break;
      default:
        throw new Error(`the test sent an unknown command: ${name}`);
    }
  }

  stream(first, count) {
    const end = Math.min(first + 100, count);
    for (let number = first; number < end; number++) this.send(number, message(number));
    if (end < count) setTimeout(() => this.stream(end, count), 1);
  }

  compare(data) {
    const { comparing } = this;
    for (const each of this.fault(comparing.received, data)) {
      const expected = message(comparing.next);
      if (comparing.wrong === null && !isEqual(each, expected)) {
        comparing.wrong = `message ${comparing.next} is ${shown(each)}, and should be ${shown(expected)}`;
      }
      comparing.next++;
    }
    comparing.received++;
    if (comparing.received >= comparing.count || comparing.wrong) {
      this.comparing = null;
      const isShort = comparing.next < comparing.count;
      this.socket.send(comparing.wrong ?? (isShort ? `${comparing.next} messages came` : 'all in order'));
    }
  }
}

function shown(data) {
  return typeof data === 'string' ? JSON.stringify(data.slice(0, 60)) : `${data.length} bytes ${data.subarray(0, 20).toString('hex')}`;
}

function terminate(socket) {
  if (socket.transport.name === 'websocket') socket.transport.socket.terminate();
  else socket.close(true);
}

/// The ends of sessions, and who waits for them.
class Ends {
  constructor() {
    this.ended = new Map();
    this.waiting = new Map();
  }

  add(sid, end) {
    this.ended.set(sid, end);
    for (const resolve of this.waiting.get(sid) ?? []) resolve(end);
    this.waiting.delete(sid);
  }

  of(sid) {
    if (this.ended.has(sid)) return this.ended.get(sid);
    return new Promise((resolve) => this.waiting.set(sid, [...(this.waiting.get(sid) ?? []), resolve]));
  }
}

/// `options` are engine.io's, with `origin` (the only page that may read answers; none without it), `forbidden` (every
/// session is refused), `recorded` (texts are kept for `texts`), `upgrades` (`refused`, or `ignored`: no WebSocket opens) and
/// `fault`.
async function engine(require, options) {
  const { Server } = require('engine.io');
  const { origin, fault, forbidden, recorded, upgrades, ...own } = options;
  const cors = origin ? { origin, credentials: true } : undefined;
  const web = http.createServer((_request, response) => response.writeHead(404).end());
  const allowRequest = forbidden ? (_request, answer) => answer('forbidden', false) : undefined;
  const server = new Server({ allowRequest, maxHttpBufferSize: 1e8, pingInterval: 25000, pingTimeout: 20000, ...own, cors });
  const ends = new Ends();
  const received = { polling: 0, websocket: 0 };
  const requests = [];
  const texts = [];
  const log = (request) => requests.push({ method: request.method, url: request.url, headers: request.headers });
  server.attach(web);
  if (upgrades) {
    web.removeAllListeners('upgrade');
    web.on('upgrade', (_request, socket) => upgrades === 'refused' && socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
  }
  // Before the listeners of engine.io, which has removed those that were there.
  web.prependListener('request', log);
  web.prependListener('upgrade', log);
  server.on('connection', (socket) => {
    const conversation = new Conversation(socket, fault);
    // An empty text comes as `undefined`.
    socket.on('message', (data) => {
      received[socket.transport.name]++;
      if (recorded && typeof data === 'string') texts.push(data);
      conversation.onMessage(data ?? '');
    });
    socket.on('close', (reason) => ends.add(socket.id, { reason, transport: socket.transport.name }));
  });
  const listener = await listening(web);
  return {
    ...listener,
    /// As a server that dies: it forgets its sessions.
    close: () => {
      const closed = listener.close();
      for (const socket of Object.values(server.clients)) socket.close(true);
      return closed;
    },
    /// Number of messages that came over each transport.
    received: () => received,
    texts: () => texts,
    ended: ({ sid }) => ends.of(sid),
    requests: () => requests,
    send: ({ sid, first, count }) => {
      for (let number = first; number < first + count; number++) server.clients[sid].send(message(number));
    },
    sessions: () => Object.keys(server.clients),
  };
}

module.exports = { engine };
