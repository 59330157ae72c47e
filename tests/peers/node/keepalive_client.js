// Polling sessions of Node's client that send numbered messages and receive their echoes, for comparison
// with those of tests/peers/keepalive. Usage: keepalive_client.js URL SESSIONS MILLISECONDS MESSAGES
//
// Prints "sent" for each message that is sent and, at the end, one line of JSON for each session:
// {"sent":[..],"received":[..],"ended":null or a reason}.
"use strict";

const { Socket } = require("engine.io-client");

const [url, sessions, interval, messages] = process.argv.slice(2);

function session(number) {
  return new Promise((resolve) => {
    const outcome = { sent: [], received: [], ended: null };
    const socket = new Socket(url, { transports: ["polling"] });
    let timer;
    const end = (why) => {
      outcome.ended = why;
      clearInterval(timer);
      resolve(outcome);
    };
    const send = () => {
      if (outcome.sent.length === Number(messages)) return clearInterval(timer);
      const text = `${number}:${outcome.sent.length}`;
      outcome.sent.push(text);
      socket.send(text);
      console.log("sent");
    };
    socket.on("message", (text) => {
      outcome.received.push(text);
      if (outcome.received.length < Number(messages)) return;
      end(null);
      socket.removeAllListeners();
      socket.close();
    });
    socket.on("close", (reason, cause) => end(`${reason}: ${cause?.message ?? ""}`));
    socket.on("open", () => {
      send();
      timer = setInterval(send, Number(interval));
    });
  });
}

const all = Array.from({ length: Number(sessions) }, (_, number) => session(number));
Promise.all(all).then((outcomes) => {
  for (const outcome of outcomes) console.log(JSON.stringify(outcome));
});
