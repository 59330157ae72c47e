// npm's socket.io as a peer for tests/socketio.rs.
//
// It listens on a free port of 127.0.0.1 and prints one line, {"port":N}, on standard output. It exits
// when its standard input ends.
//
// The namespaces are "/" and "/room". "/" refuses the token "wrong" with an error that has data. The
// events that both understand:
//   echo ARGS...   emits "echo ARGS..."
//   sum A B        acknowledges with A + B
//   copy ARGS...   acknowledges with ARGS...
//   auth           acknowledges with what the client sent when it connected
//   ask ARGS...    emits "question ARGS..." and wants an acknowledgement, with which it emits "noted"
//   kick           disconnects the client from the namespace
//   hang-up        closes the client's session
"use strict";

const http = require("http");
const { Server } = require("socket.io");

function onConnection(socket) {
  socket.on("echo", (...args) => socket.emit("echo", ...args));
  socket.on("sum", (a, b, acknowledge) => acknowledge(a + b));
  socket.on("copy", (...args) => args.pop()(...args));
  socket.on("auth", (acknowledge) => acknowledge(socket.handshake.auth));
  socket.on("ask", (...args) => {
    socket.emit("question", ...args, (...answer) => socket.emit("noted", ...answer));
  });
  socket.on("kick", () => socket.disconnect());
  socket.on("hang-up", () => socket.disconnect(true));
}

const server = http.createServer((request, response) => response.writeHead(404).end());
const io = new Server(server);
io.use((socket, next) => {
  if (socket.handshake.auth.token !== "wrong") return next();
  next(Object.assign(new Error("wrong token"), { data: { retry: false } }));
});
io.on("connection", onConnection);
io.of("/room").on("connection", onConnection);

process.stdin.on("close", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();

server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
