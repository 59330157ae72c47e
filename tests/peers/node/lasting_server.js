// The reference Engine.IO server for tests/peers/lasting, which kills it. It logs each message before it
// does anything else. Usage: lasting_server.js PORT LOG GENERATION
//
// Listens on PORT of 127.0.0.1 and prints one line, {"port":N}, on standard output. Each received text
// is appended to the file LOG as "GENERATION SID TEXT", in a single synchronous write, and so is the end
// of each session, as "GENERATION SID closed". Texts whose last digit is 0 are echoed. The server exits
// when its standard input ends.
"use strict";

const fs = require("fs");
const http = require("http");
const { Server } = require("engine.io");

const [port, path, generation] = process.argv.slice(2);
const log = fs.openSync(path, "a");
const engine = new Server({ pingInterval: 1000, pingTimeout: 2000 });
engine.on("connection", (socket) => {
  socket.on("message", (text) => {
    fs.writeSync(log, `${generation} ${socket.id} ${text}\n`);
    if (text.endsWith("0")) socket.send(text);
  });
  socket.on("close", () => fs.writeSync(log, `${generation} ${socket.id} closed\n`));
});

process.stdin.on("close", () => process.exit(0));
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();

const server = http.createServer((request, response) => response.writeHead(404).end());
engine.attach(server);
server.listen(Number(port), "127.0.0.1", () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
