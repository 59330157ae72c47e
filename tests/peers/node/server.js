// The reference Engine.IO server, as a peer for the integration tests.
//
// Listens on a free port of 127.0.0.1 and prints one line, {"port":N}, on standard output. On standard
// error it logs "connect SID" and, at the end of a session, 'received SID {"polling":P,"websocket":W}'
// (see !count) and "disconnect SID REASON".
//
// Options (readArguments lists the others):
//   --cookie NAME     set a cookie of that name at the handshake, with the sid as its value, and log
//                     each request as "request METHOD TRANSPORT COOKIES"
//   --deflate JSON    compress messages over WebSocket, with these settings of `ws`
//   --tell-messages   log "message TEXT" for each received text
//   --tls             use TLS, with the PEM certificate and key in the environment variables
//                     TLS_CERTIFICATE and TLS_KEY
//
// Messages are echoed, except texts that start with "!":
//   !close      close the session
//   !burst N    send N texts, b0 to b(N-1)
//   !big N      send one text of N times "x"
//   !bin N      send one binary message of N zero bytes
//   !count      send count {"polling":P,"websocket":W}: the number of messages received in this session
//               over each transport; commands do not count
//   !sent       send sent {"polling":P,"websocket":W}: the number of messages flushed over each
//               transport; answers to commands count
//   !headers    send headers {...}: the headers of the handshake request
//
// Parameters in the query of the handshake:
//   greet=N      send g0 to g(N-1) when the session opens
//   reject=1     refuse the session
//   numbered=1   check that the messages (without commands) are numbered in order, with the right type
//                and contents: see Numbered. At the end of the session, log "numbered SID N FAULTS": the
//                number of correct messages, and the faults in JSON.
"use strict";

const http = require("http");
const https = require("https");
const { parseArgs } = require("util");
const { Server } = require("engine.io");

const TRANSPORTS = ["polling", "websocket"];

function usage(problem) {
  process.stderr.write(`server.js: ${problem}\n`);
  process.exit(2);
}

function readArguments() {
  const options = {
    transports: { type: "string" },
    "max-payload": { type: "string" },
    "ping-interval": { type: "string" },
    "ping-timeout": { type: "string" },
    "no-upgrades": { type: "boolean" },
    "upgrade-timeout": { type: "string" },
    cookie: { type: "string" },
    deflate: { type: "string" },
    tls: { type: "boolean" },
    "tell-messages": { type: "boolean" },
    "until-stdin-ends": { type: "boolean" },
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return usage(error.message);
  }
}

// Sets only the options that were given, so that the server's own defaults apply to the others.
function engineOptions(args) {
  const options = {};
  if (args.transports !== undefined) {
    options.transports = args.transports.split(",");
    for (const name of options.transports) {
      if (!TRANSPORTS.includes(name)) usage(`no such transport: "${name}"`);
    }
  }
  const numbers = {
    "max-payload": "maxHttpBufferSize",
    "ping-interval": "pingInterval",
    "ping-timeout": "pingTimeout",
    "upgrade-timeout": "upgradeTimeout",
  };
  for (const [name, option] of Object.entries(numbers)) {
    if (args[name] === undefined) continue;
    options[option] = Number(args[name]);
    if (!/^[1-9]\d{0,8}$/.test(args[name])) {
      usage(`--${name} needs a whole number above 0, not "${args[name]}"`);
    }
  }
  if (args["no-upgrades"]) options.allowUpgrades = false;
  if (args.deflate !== undefined) options.perMessageDeflate = JSON.parse(args.deflate);
  if (args.cookie !== undefined) options.cookie = { name: args.cookie };
  return options;
}

function query(request) {
  return new URL(request.url, "http://127.0.0.1").searchParams;
}

function texts(prefix, count) {
  return Array.from({ length: count }, (_, i) => prefix + i);
}

// The answers to a command, or null if the text is not a command.
function answers(command, session) {
  const [, name, argument] = /^!(\S*) ?(\d{0,8})$/.exec(command) ?? [];
  const number = Number(argument);
  switch (name) {
    case "burst":
      return texts("b", number);
    case "big":
      return ["x".repeat(number)];
    case "bin":
      return [Buffer.alloc(number)];
    case "count":
      return [`count ${JSON.stringify(session.received)}`];
    case "sent":
      return [`sent ${JSON.stringify(session.flushed)}`];
    case "headers":
      return [`headers ${JSON.stringify(session.headers)}`];
    default:
      return null;
  }
}

// Checks messages that a client numbers from 0: "NUMBER LENGTH FILLING". FILLING is LENGTH times a
// character that depends on the number. Every fourth message is binary, with the same text in UTF-8.
class Numbered {
  next = 0;
  faults = [];

  take(data) {
    const binary = typeof data !== "string";
    const text = binary ? data.toString() : data;
    const [, number, length] = /^(\d{1,15}) (\d{1,8}) /.exec(text) ?? [];
    const filling = "x\u00e9\u20ac"[this.next % 3].repeat(Number(length ?? 0));
    const right = `${this.next} ${length} ${filling}`;
    if (text === right && binary === (this.next % 4 === 3)) {
      this.next += 1;
    } else if (this.faults.length < 10) {
      this.faults.push(`${text.slice(0, 20)} (${text.length}) at ${this.next}`);
    }
  }
}

function onConnection(socket) {
  const numbered = query(socket.request).get("numbered") === "1" ? new Numbered() : null;
  const session = {
    received: { polling: 0, websocket: 0 },
    flushed: { polling: 0, websocket: 0 },
    headers: socket.request.headers,
  };

  // "flush" is emitted just before the buffer goes to the current transport. Counting in send() would be
  // wrong, because during an upgrade send() only buffers.
  socket.on("flush", (packets) => {
    for (const packet of packets) {
      if (packet.type === "message") session.flushed[socket.transport.name] += 1;
    }
  });

  // The socket only listens to its current transport, and switches to the new transport before it emits
  // the first message from there. So `socket.transport` is the transport of the message.
  socket.on("message", (data) => {
    if (args["tell-messages"]) process.stderr.write(`message ${data}\n`);
    if (typeof data !== "string" || !data.startsWith("!")) {
      session.received[socket.transport.name] += 1;
      numbered?.take(data);
      socket.send(data);
    } else if (data === "!close") {
      socket.close();
    } else {
      const replies = answers(data, session) ?? [`unknown command: ${data}`];
      for (const reply of replies) socket.send(reply);
    }
  });

  socket.on("close", (reason) => {
    const received = JSON.stringify(session.received);
    process.stderr.write(`received ${socket.id} ${received}\n`);
    if (numbered) {
      const faults = JSON.stringify(numbered.faults);
      process.stderr.write(`numbered ${socket.id} ${numbered.next} ${faults}\n`);
    }
    process.stderr.write(`disconnect ${socket.id} ${reason}\n`);
  });

  process.stderr.write(`connect ${socket.id}\n`);
  const greetings = Number(query(socket.request).get("greet") ?? 0);
  for (const text of texts("g", greetings)) socket.send(text);
}

const args = readArguments();
const engine = new Server({
  ...engineOptions(args),
  allowRequest(request, decide) {
    if (query(request).get("reject") === "1") decide("go away", false);
    else decide(null, true);
  },
});
engine.on("connection", onConnection);

function notFound(request, response) {
  response.writeHead(404).end();
}

const server = args.tls
  ? https.createServer({ cert: process.env.TLS_CERTIFICATE, key: process.env.TLS_KEY }, notFound)
  : http.createServer(notFound);
engine.attach(server);
if (args.cookie !== undefined) {
  const tell = (request) => {
    const transport = query(request).get("transport");
    const cookies = request.headers.cookie ?? "";
    process.stderr.write(`request ${request.method} ${transport} ${cookies}\n`);
  };
  server.prependListener("request", tell);
  server.prependListener("upgrade", tell);
}

// Exit instead of closing the server: open polls would keep the process alive.
process.on("SIGTERM", () => process.exit(0));
if (args["until-stdin-ends"]) {
  process.stdin.on("close", () => process.exit(0));
  process.stdin.on("error", () => process.exit(0));
  process.stdin.resume();
}

server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
