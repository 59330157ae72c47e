// Pages that are hidden and frozen, and networks that go away.

import assert from 'node:assert/strict';

// Longer than pingInterval + pingTimeout of the fast server below.
const FROZEN = 3_000;

/// The whole run of a page that is frozen for a while, in which no script of it runs.
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

async function visibility(page) {
  return page.evaluate(() => window.seen ?? []);
}

async function watch(page) {
  await page.evaluate(() => {
    window.seen = [];
    for (const name of ['freeze', 'resume', 'visibilitychange']) document.addEventListener(name, () => window.seen.push(name));
  });
}

function survives(transports) {
  return {
    name: `a session by ${transports} outlives a frozen page, and what the server sent meanwhile arrives in order`,
    async run(t) {
      const server = await t.engine();
      const page = await t.page();
      await watch(page);
      const session = await page.open({ url: server.url, transports: [transports] });
      const sid = await session.sid();
      await freeze(page, async () => {
        await server.ask('send', { sid, first: 0, count: 500 });
        await pause();
        await server.ask('send', { sid, first: 500, count: 500 });
      });
      await session.recv_numbered(0, 1000);
      await session.send('awake');
      assert.equal(await session.recv(), 'awake');
      const events = await visibility(page);
      assert.ok(events.includes('freeze') && events.includes('resume'), `the page was not frozen: ${events}`);
      assert.equal((await session.disconnect()).isClean, true);
    },
  };
}

function ends(transports) {
  return {
    name: `a session by ${transports} ends with a reason when its page was frozen for longer than the heartbeat`,
    async run(t) {
      const server = await t.engine({ pingInterval: 300, pingTimeout: 200 });
      const page = await t.page();
      const session = await page.open({ url: server.url, transports: [transports] });
      const sid = await session.sid();
      await freeze(page, async () => {
        await server.ask('ended', { sid });
        await pause();
      });
      const closed = await session.wait();
      t.note(closed.text);
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

export default [survives('websocket'), survives('polling'), ends('websocket'), ends('polling'), offline('polling'), offline('websocket')];
