// Pings, and their absence.

import assert from 'node:assert/strict';

const FAST = { pingInterval: 300, pingTimeout: 200 };

// An answer may take longer while a machine compiles something else. Without any, the session would end after 2 s.
const PATIENT = { pingInterval: 300, pingTimeout: 2000 };

function idle(transport) {
  return {
    name: `an idle session by ${transport} stays open for 60 s, which are 200 pings`,
    isIdle: true,
    deadline: 120_000,
    async run(t) {
      const server = await t.engine(PATIENT);
      const page = await t.page();
      const session = await page.open({ url: server.url, transports: [transport] });
      const ended = await Promise.race([session.wait(), new Promise((resolve) => setTimeout(resolve, 60_000))]);
      assert.equal(ended?.debug, undefined);
      await session.send('still there');
      assert.equal(await session.recv(), 'still there');
      assert.equal((await session.disconnect()).isClean, true);
    },
  };
}

function silent(transport) {
  return {
    name: `a session by ${transport} ends when the server falls silent`,
    async run(t) {
      const server = await t.engine(FAST);
      const relay = await t.relay(server);
      const page = await t.page();
      const session = await page.open({ url: relay.url, transports: [transport] });
      await session.send('hello');
      await session.recv();
      await relay.ask('set', { mode: 'stopped' });
      const start = Date.now();
      const closed = await session.wait();
      const took = Date.now() - start;
      t.note(`${took} ms`);
      assert.equal(closed.reason.by, 'PingTimeout', closed.text);
      // The last ping may have come a whole interval ago, or just now.
      assert.ok(took < FAST.pingInterval + FAST.pingTimeout + 2000, `${took} ms`);
    },
  };
}

export default [idle('websocket'), idle('polling'), silent('websocket'), silent('polling')];
