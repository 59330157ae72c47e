// How sessions end, and what became of the messages.

import assert from 'node:assert/strict';

const WAYS = [
  { way: 'polling', options: { transports: ['polling'] } },
  { way: 'WebSocket', options: { transports: ['websocket'] } },
];

async function connected(t, options, server) {
  server ??= await t.engine();
  const page = await t.page();
  const session = await page.open({ url: server.url, ...options });
  return { server, page, session };
}

function closedByServer({ way, options }) {
  return {
    name: `a server that closes a session by ${way} is the reason of its end`,
    async run(t) {
      const { session } = await connected(t, options);
      await session.send('do:close');
      const closed = await session.wait();
      assert.equal(closed.reason.by, 'Server', closed.debug);
      assert.equal(closed.isClean, false);
    },
  };
}

function disconnected({ way, options }) {
  return {
    name: `disconnecting by ${way} is clean, and the server sees it`,
    async run(t) {
      const { server, session } = await connected(t, options);
      const sid = await session.sid();
      await session.send('last');
      const closed = await session.disconnect();
      assert.equal(closed.reason.by, 'Client', closed.debug);
      assert.equal(closed.isClean, true, closed.debug);
      const end = await server.ask('ended', { sid });
      // engine.io's name for the end by a close packet, or by a close frame.
      assert.equal(end.reason, 'transport close');
    },
  };
}

function dropped({ way, options }) {
  return {
    name: `dropping the client closes its session by ${way} at the server`,
    async run(t) {
      const { server, session } = await connected(t, options);
      const sid = await session.sid();
      await session.free();
      const end = await server.ask('ended', { sid });
      assert.equal(end.reason, 'transport close');
    },
  };
}

const terminated = {
  name: 'a WebSocket that breaks ends its session with Ended',
  async run(t) {
    const { session } = await connected(t, { transports: ['websocket'] });
    await session.send('do:terminate');
    const closed = await session.wait();
    assert.equal(closed.reason.by, 'Transport', closed.debug);
    assert.equal(closed.reason.error.kind, 'Ended', closed.debug);
    assert.match(closed.text, /1006/);
  },
};

/// A session through a relay that sends numbered messages until the relay is cut.
function cutWhileSending({ way, options, upgradeFirst, visible }) {
  return {
    name: `every message sent by ${way} is accounted for when the connection is cut`,
    async run(t) {
      const server = await t.engine();
      const relay = await t.relay(server);
      const page = await t.page();
      const account = page.call('account', { url: relay.url, ...options }, upgradeFirst);
      await relay.ask('when', { text: 'text 2000', direction: visible });
      const { accepted, closed } = await account;
      t.note(`${accepted} accepted: ${closed.unconfirmed} unconfirmed, ${closed.uncertain} uncertain, ${closed.unsent} unsent`);
      assert.ok(accepted > 1000, `${accepted}`);
      assert.equal(closed.reason.by, 'Transport', closed.debug);
      assert.ok(['Ended', 'Connect'].includes(closed.reason.error.kind), closed.debug);
      assert.equal(closed.isClean, false);
    },
  };
}

const stoppedWhileSending = {
  name: 'every message is accounted for when the network swallows what a WebSocket sends',
  async run(t) {
    const server = await t.engine({ pingInterval: 300, pingTimeout: 200 });
    const relay = await t.relay(server);
    const page = await t.page();
    const account = page.call('account', { url: relay.url, transports: ['websocket'] }, false);
    await relay.ask('when', { text: 'text 2000', direction: 'down', mode: 'stopped' });
    const { accepted, closed } = await account;
    t.note(`${accepted} accepted: ${closed.unconfirmed} unconfirmed, ${closed.uncertain} uncertain, ${closed.unsent} unsent`);
    assert.equal(closed.reason.by, 'PingTimeout', closed.debug);
    assert.ok(closed.unsent > 0, 'a browser that holds messages must not take all others');
  },
};

const cutInAPoll = {
  name: 'a connection that is cut in a poll ends the session',
  async run(t) {
    const server = await t.engine();
    const relay = await t.relay(server);
    const { session } = await connected(t, { transports: ['polling'] }, relay);
    await session.send('hello');
    assert.equal(await session.recv(), 'hello');
    await relay.ask('set', { mode: 'cut' });
    const closed = await session.wait();
    assert.equal(closed.reason.by, 'Transport', closed.debug);
    assert.match(closed.text, /GET/);
    assert.equal(closed.unconfirmed, 1);
  },
};

function cutInAPost(isForwarded) {
  const when = isForwarded ? 'before its answer' : 'before it arrives';
  return {
    name: `a connection that is cut in a POST ${when} leaves its message uncertain`,
    async run(t) {
      const server = await t.engine();
      const relay = await t.relay(server);
      const { session } = await connected(t, { transports: ['polling'] }, relay);
      const cut = relay.ask('when', { text: 'POST ', isForwarded });
      await session.send('lost?');
      await cut;
      const closed = await session.wait();
      assert.equal(closed.reason.by, 'Transport', closed.debug);
      assert.equal(closed.uncertain, 1, closed.debug);
      assert.equal(closed.unsent, 0);
    },
  };
}

/// A browser sends a request again, whatever its method, when a connection that had been used before ends without an
/// answer. Nothing in fetch prevents that, and the client does not learn of it.
const postIsRepeated = {
  name: 'a POST whose kept connection ends without an answer may be repeated by the browser, but by nobody else',
  async run(t) {
    const server = await t.engine();
    const relay = await t.relay(server);
    const { session } = await connected(t, { transports: ['polling'] }, relay);
    await session.send('first');
    assert.equal(await session.recv(), 'first');
    // The answer to the POST: the server has handled it.
    const cut = relay.ask('when', { text: '\r\n\r\nok', direction: 'down', mode: 'cut once' });
    await session.send('second');
    await cut;
    const echoes = [];
    await session.send('last').catch(() => {});
    for (let echo = ''; echo !== 'last' && echo !== undefined; ) echoes.push((echo = await session.recv()));
    t.note(`then came ${echoes.join(', ')}`);
    const doubled = echoes.filter((echo) => echo === 'second').length;
    assert.ok(doubled <= 2, `${doubled} times`);
  },
};

export default [
  ...WAYS.flatMap((way) => [closedByServer(way), disconnected(way), dropped(way)]),
  terminated,
  // The relay sees the text of a POST, but not that of a poll, which the server compresses. A WebSocket masks what the page
  // sends, but not what the server sends.
  cutWhileSending({ ...WAYS[0], upgradeFirst: false, visible: 'up' }),
  cutWhileSending({ ...WAYS[1], upgradeFirst: false, visible: 'down' }),
  cutWhileSending({ way: 'WebSocket after an upgrade', options: {}, upgradeFirst: true, visible: 'down' }),
  stoppedWhileSending,
  cutInAPoll,
  cutInAPost(false),
  cutInAPost(true),
  postIsRepeated,
];
