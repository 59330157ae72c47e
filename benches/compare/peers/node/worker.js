// The worker for the reference client, engine.io-client: does one job and prints the time that it took.
// Its arguments are those of the Rust workers.
"use strict";

const { Socket } = require("engine.io-client");

function parseArguments() {
  const known = ["url", "transport", "job", "length", "count", "form"];
  const task = {};
  const words = process.argv.slice(2);
  for (let index = 0; index < words.length; index += 2) {
    const name = words[index].replace(/^--/, "");
    if (!known.includes(name)) fail(`unknown option ${words[index]}`);
    task[name] = words[index + 1];
  }
  for (const name of known) {
    if (task[name] === undefined) fail(`the option --${name} is missing`);
  }
  return { ...task, length: Number(task.length), count: Number(task.count) };
}

function fail(words) {
  console.error(String(words));
  process.exit(1);
}

const task = parseArguments();
// JSON, which is compressed without context.
const isCompressed = task.form === "json";
const isText = task.form !== "binary";
const contents = isCompressed
  ? json(task.length)
  : isText
  ? "x".repeat(task.length)
  : Buffer.from(Uint8Array.from({ length: task.length }, (_, index) => index));

// The contents of benches/server/json.rs.
function json(length) {
  let text = '{"readings":[';
  let number = 1;
  while (text.length < length) {
    number = (Math.imul(number, 1664525) + 1013904223) >>> 0;
    const [sensor, value] = [number >>> 28, (number >>> 16) & 0x3ff];
    text += `{"sensor":"room-${sensor}","unit":"celsius","value":${value},"valid":true},`;
  }
  return text.slice(0, length);
}

const { url, job, form, length, count } = task;
const socket = new Socket(
  `${url}/engine.io/?job=${job}&form=${form}&length=${length}&count=${count}` +
    (isCompressed ? "&deflate=fresh" : ""),
  {
    transports: [task.transport],
    perMessageDeflate: isCompressed && {
      threshold: 100,
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
    },
  }
);
socket.binaryType = "nodebuffer";

let wall, cpu;
let received = 0;
let wrong = 0;
// Times between sending a message and receiving its echo, without the first one.
const laps = [];
let last;

function begin() {
  wall = process.hrtime.bigint();
  cpu = process.cpuUsage();
  socket.send("go");
  if (job === "echo") socket.send(contents);
  if (job === "send") sendAll();
}

// Sends in batches: large enough to keep the transport busy, and small enough to bound the queue.
async function sendAll() {
  const most = length > 10_000 ? 16 : 1000;
  for (let sent = 0; sent < count; ) {
    const drained = new Promise((resolve) => socket.once("drain", resolve));
    for (let n = 0; n < most && sent < count; n++, sent++) socket.send(contents);
    await drained;
  }
}

function end() {
  const { user, system } = process.cpuUsage(cpu);
  const taken = process.hrtime.bigint() - wall;
  if (wrong > 0) fail(`loses data: ${wrong} of ${received} messages have the wrong form or length`);
  process.stdout.write(
    `{"cpu_ns":${(user + system) * 1000},"wall_ns":${taken},"echo_ns":[${percentiles()}]}\n`,
    () => process.exit(0)
  );
}

function lap() {
  const now = process.hrtime.bigint();
  if (last !== undefined) laps.push(Number(now - last));
  last = now;
}

// The times that half, 90 %, 99 % and 99.9 % of the echoes did not exceed, and the longest one.
function percentiles() {
  if (laps.length === 0) return [];
  laps.sort((one, other) => one - other);
  return [500, 900, 990, 999, 1000].map((n) => laps[Math.ceil((laps.length * n) / 1000) - 1]);
}

socket.on("open", begin);
socket.on("message", (data) => {
  if (job === "send") {
    if (data !== "done") fail(`loses data: the server says ${data}`);
    return end();
  }
  received += 1;
  if ((typeof data === "string") !== isText || data.length !== length) wrong += 1;
  if (job === "echo") lap();
  if (received === count) end();
  else if (job === "echo") socket.send(contents);
});
socket.on("error", (error) => fail(error.description?.message ?? error));
socket.on("close", (reason) => fail(`loses data: ${received} of ${count} messages arrived, then: ${reason}`));
