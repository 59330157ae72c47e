// Pages that are hidden and frozen, and networks that go away.

import assert from 'node:assert/strict';

// Longer than pingInterval + pingTimeout of the fast server below.
const FROZEN = 3_000;

/// Freezes the page, so that none of its scripts run, and wakes it when `meanwhile` is done.
async function freeze(page, meanwhile) {
  const devtools = await page.devtools();
  await devtools.send('Page.setWebLifecycleState', { state: 'frozen' });
  try {
    await meanwhile();
  } finally {
    await devtools.send('Page.setWebLifecycleState', { state: 'active' });
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, FROZEN));

async function wasFrozen(page) {
  const seen = await page.evaluate(() => window.seen);
  assert.ok(seen.includes('freeze') && seen.includes('resume'), `the page was not frozen: ${seen}`);
}

async function watch(page) {
  await page.evaluate(() => {
    window.seen = [];
    for (const name of ['freeze', 'resume', 'visibilitychange']) document.addEventListener(name, () => window.seen.push(name));
  });
}

const survives = {
  name: 'a session by polling outlives a frozen page, and what the server sent meanwhile arrives in order',
  async run(t) {
    const server = await t.engine();
    const page = await t.plainPage();
    await watch(page);
    const session = await page.open({ url: server.url, transports: ['polling'] });
    const sid = await session.sid();
    await freeze(page, async () => {
      await server.ask('send', { sid, first: 0, count: 500 });
      await pause();
      await server.ask('send', { sid, first: 500, count: 500 });
    });
    await session.recv_numbered(0, 1000);
    await session.send('awake');
    assert.equal(await session.recv(), 'awake');
    await wasFrozen(page);
    assert.equal((await session.disconnect()).isClean, true);
  },
};

// Chromium ends the WebSockets of a page that it freezes, those of other clients as well.
const loses = {
  name: 'a session by WebSocket ends at once when a page wakes whose WebSocket the browser has ended',
  async run(t) {
    const server = await t.engine();
    const page = await t.plainPage();
    await watch(page);
    const session = await page.open({ url: server.url, transports: ['websocket'] });
    await freeze(page, pause);
    const awake = Date.now();
    const closed = await session.wait();
    assert.ok(Date.now() - awake < 10_000, 'long before the heartbeat would have noticed');
    assert.equal(closed.reason.error?.kind, 'Ended', closed.debug);
    await wasFrozen(page);
  },
};

const comesBack = {
  name: 'a client that reconnects comes back when its page wakes',
  async run(t) {
    const server = await t.engine();
    const page = await t.plainPage();
    await watch(page);
    const session = await page.open({ url: server.url, transports: ['websocket'], reconnect: [50, 200] });
    await session.until('Connected');
    await freeze(page, pause);
    await session.until('Disconnected');
    assert.equal((await session.until('Connected')).session, 2);
    await session.send('awake');
    assert.equal((await session.until('Message')).text, 'awake');
    await wasFrozen(page);
    assert.equal((await session.disconnect()).reason.by, 'Client');
  },
};

function isHiddenNow() {
  return document.visibilityState === 'hidden';
}

/// A browser delays the timers of a hidden page. Pings and messages need none.
function outlivesHiding(transports) {
  return {
    name: `a session by ${transports} outlives a hidden page, and works there`,
    async run(t) {
      const server = await t.engine({ pingInterval: 300, pingTimeout: 2000 });
      const page = await t.plainPage();
      const session = await page.open({ url: server.url, transports: [transports] });
      const sid = await session.sid();
      const other = await t.page();
      await other.page.bringToFront();
      await page.page.waitForFunction(isHiddenNow);
      await server.ask('send', { sid, first: 0, count: 500 });
      await session.recv_numbered(0, 500);
      await pause();
      await session.send('still there');
      assert.equal(await session.recv(), 'still there');
      assert.equal(await page.evaluate(isHiddenNow), true);
      assert.equal((await session.disconnect()).isClean, true);
    },
  };
}

function ends(transports) {
  return {
    name: `a session by ${transports} ends with a reason when its page was frozen for longer than the heartbeat`,
    async run(t) {
      const server = await t.engine({ pingInterval: 300, pingTimeout: 200 });
      const page = await t.plainPage()
      await watch(page);
      const session = await page.open({ url: server.url, transports: [transports] });
      const sid = await session.sid();
      await freeze(page, async () => {
        await server.ask('ended', { sid });
        await pause();
      });
      const closed = await session.wait();
      t.note(closed.text);
      await wasFrozen(page);
      assert.ok(['Server', 'PingTimeout', 'Transport'].includes(closed.reason.by), closed.debug);
      assert.equal(closed.isClean, false);
    },
  };
}

function offline(transports) {
  return {
    name: `a session by ${transports} whose network goes away ends with a reason`,
    async run(t) {
      const server = await t.engine({ pingInterval: 300, pingTimeout: 700 });
      const page = await t.page();
      const session = await page.open({ url: server.url, transports: [transports] });
      const devtools = await page.devtools();
      await devtools.send('Network.enable');
      await devtools.send('Network.emulateNetworkConditions', { offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
      const closed = await Promise.race([session.wait(), new Promise((resolve) => setTimeout(resolve, 10_000))]);
      // Chromium cuts requests, but leaves a WebSocket that is open alone.
      t.note(closed ? closed.text : 'the connection was not affected');
      if (transports === 'polling') assert.equal(closed?.reason.by, 'Transport', closed?.debug);
      assert.equal(await page.evaluate(() => navigator.onLine), false);
    },
  };
}

export default [
  survives,
  loses,
  comesBack,
  ends('websocket'),
  ends('polling'),
  outlivesHiding('websocket'),
  outlivesHiding('polling'),
  offline('polling'),
  offline('websocket'),
].map((each) => ({ ...each, isChromiumOnly: true }));
