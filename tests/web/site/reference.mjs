// The same exchanges by engine.io-client, for `compare.mjs`. The messages are those of `page/src/messages.rs`, and each
// echo is compared as well.

function message(number) {
  const round = Math.floor(number / 4);
  switch (number % 4) {
    case 0:
      return `text ${number} ä€😀\u2028\u2029"\\\n`;
    case 1:
      return Uint8Array.from({ length: round % 301 }, (_, at) => number + at);
    case 2:
      return round % 5 === 0 ? '' : `${number} `.repeat(round % 40);
    default:
      return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
  }
}

function isEqual(received, expected) {
  // An empty text comes as `undefined`.
  if (typeof expected === 'string') return (received ?? '') === expected;
  const bytes = new Uint8Array(received);
  return bytes.length === expected.length && bytes.every((byte, at) => byte === expected[at]);
}

async function open(url, transports) {
  const socket = window.eio(url, { transports });
  socket.binaryType = 'arraybuffer';
  await new Promise((resolve, reject) => {
    socket.once(transports.length > 1 ? 'upgrade' : 'open', resolve);
    socket.once('error', reject);
    socket.once('close', (reason) => reject(new Error(reason)));
  });
  return socket;
}

/// Calls `begin`, and returns the milliseconds until `count` messages have come. `next` gets the number of each.
async function timed(socket, count, make, begin, next) {
  const start = performance.now();
  await new Promise((resolve, reject) => {
    let received = 0;
    socket.on('message', (data) => {
      if (!isEqual(data, make(received))) reject(new Error(`message ${received} is another one`));
      received++;
      if (received === count) resolve();
      else next(received);
    });
    socket.on('close', (reason) => reject(new Error(reason)));
    begin();
  });
  const took = performance.now() - start;
  socket.close();
  return took;
}

/// Sends `count` messages at once, and returns the milliseconds until all echoes are there.
export async function burst(url, transports, count, make = message) {
  const socket = await open(url, transports);
  const sendAll = () => {
    for (let number = 0; number < count; number++) socket.send(make(number));
  };
  return timed(socket, count, make, sendAll, () => {});
}

/// Sends each message when the echo of the one before is there.
export async function roundTrips(url, transports, count) {
  const socket = await open(url, transports);
  const send = (number) => socket.send(message(number));
  return timed(socket, count, message, () => send(0), send);
}

export function large(url, transports, count, length) {
  const data = new Uint8Array(length).map((_, at) => at % 251);
  return burst(url, transports, count, () => data);
}
