// npm's `ws` without engine.io, which can't send fragments. Usage: ws_server.js
//
// Listens on a free port of 127.0.0.1 and prints one line, {"port":N}, on standard output. Each connection
// gets an open packet, and its messages are echoed. Parameters in the query of the handshake:
//   deflate=JSON   the settings of permessage-deflate
//   fragment=N     echo in fragments of N bytes, with a ping after each (default 0: in one frame)
// The server exits when its standard input ends.
"use strict";

const http = require("http");
const { WebSocketServer } = require("ws");

const MOST = 64 * 1024 * 1024;

function echo(socket, data, binary, size) {
  const step = size || data.length || 1;
  let start = 0;
  do {
    const end = Math.min(start + step, data.length);
    socket.send(data.subarray(start, end), { binary, compress: true, fin: end === data.length });
    if (end < data.length) socket.ping("between");
    start = end;
  } while (start < data.length);
}

const server = http.createServer((request, response) => response.writeHead(404).end());
server.on("upgrade", (request, stream, head) => {
  const query = new URL(request.url, "http://127.0.0.1").searchParams;
  const acceptor = new WebSocketServer({
    noServer: true,
    maxPayload: MOST,
    perMessageDeflate: JSON.parse(query.get("deflate") ?? "false"),
  });
  acceptor.handleUpgrade(request, stream, head, (socket) => {
    const size = Number(query.get("fragment") ?? 0);
    socket.on("error", (error) => process.stderr.write(`error ${error.message}\n`));
    socket.on("message", (data, binary) => {
      if (binary || data[0] === 0x34) echo(socket, data, binary, size);
    });
    const handshake = { sid: "s", upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: MOST };
    socket.send(`0${JSON.stringify(handshake)}`);
  });
});

process.stdin.on("close", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
