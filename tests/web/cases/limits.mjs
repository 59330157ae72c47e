// Upgrades that fail, and messages that are too large: what a session survives, and what ends it.

import assert from 'node:assert/strict';

const LARGE = 'x'.repeat(5000);

function upgradeFails(how) {
  return {
    name: `a session stays on polling when its upgrade is ${how}, and loses nothing`,
    async run(t) {
      const server = await t.engine({ upgrades: how });
      const page = await t.page();
      const session = await page.open({ url: server.url });
      await session.send('during');
      // In either order.
      const seen = {};
      while (!seen.Message || !seen.UpgradeFailed) {
        const event = await session.event();
        assert.notEqual(event.type, 'Closed', event.closed?.debug);
        seen[event.type] = event;
      }
      assert.equal(seen.Message.text, 'during');
      t.note(seen.UpgradeFailed.error.report);
      await session.send('after');
      assert.equal((await session.until('Message')).text, 'after');
      assert.equal(await session.transport(), 'polling');
      assert.equal((await session.disconnect()).isClean, true);
    },
  };
}

const tooLargeByWebSocket = {
  name: 'a message that is too large for the server ends a session by WebSocket with the code 1009',
  async run(t) {
    const server = await t.engine({ maxHttpBufferSize: 1000 });
    const page = await t.page();
    const session = await page.open({ url: server.url, transports: ['websocket'] });
    await session.send(LARGE);
    const closed = await session.wait();
    assert.equal(closed.reason.by, 'Server', closed.debug);
    assert.equal(closed.reason.code, 1009, closed.debug);
  },
};

const tooLargeByPolling = {
  name: 'a message that is too large for the server is refused by polling, and the session continues',
  async run(t) {
    const server = await t.engine({ maxHttpBufferSize: 1000 });
    const page = await t.page();
    const session = await page.open({ url: server.url, transports: ['polling'] });
    await assert.rejects(session.send(LARGE), /TooLarge/);
    await session.send('hello');
    assert.equal(await session.recv(), 'hello');
  },
};

function tooLargeForUs(transport) {
  return {
    name: `a message that is too large for the client ends a session by ${transport} with Limit`,
    async run(t) {
      const server = await t.engine();
      const page = await t.page();
      const limits = { max_message_size: 1000, max_body_size: 2000 };
      const session = await page.open({ url: server.url, transports: [transport], ...limits });
      await session.send(LARGE);
      const closed = await session.wait();
      t.note(closed.text);
      assert.equal(closed.reason.error?.kind, 'Limit', closed.debug);
    },
  };
}

const separator = {
  name: 'a text with the separator of polling payloads is refused by polling, and arrives by WebSocket',
  async run(t) {
    const server = await t.engine();
    const page = await t.page();
    const polling = await page.open({ url: server.url, transports: ['polling'] });
    await assert.rejects(polling.send('one\u001etwo'), /NeedsFrames/);
    const websocket = await page.open({ url: server.url, transports: ['websocket'] });
    await websocket.send('one\u001etwo');
    assert.equal(await websocket.recv(), 'one\u001etwo');
  },
};

const many = {
  name: '50 sessions of one page by WebSocket do not disturb each other',
  async run(t) {
    const server = await t.engine();
    const page = await t.page();
    const open = () => page.open({ url: server.url, transports: ['websocket'] });
    const sessions = await Promise.all(Array.from({ length: 50 }, open));
    await Promise.all(
      sessions.map(async (session, number) => {
        await session.send(`of ${number}`);
        assert.equal(await session.recv(), `of ${number}`);
      }),
    );
    const ends = await Promise.all(sessions.map((session) => session.disconnect()));
    assert.ok(ends.every(({ isClean }) => isClean));
  },
};

export default [
  upgradeFails('refused'),
  upgradeFails('ignored'),
  tooLargeByWebSocket,
  tooLargeByPolling,
  tooLargeForUs('websocket'),
  tooLargeForUs('polling'),
  separator,
  many,
];
