// Clients that outlive their sessions, and receipts.

import assert from 'node:assert/strict';

const RECONNECT = [50, 200];

function comesBack(transports) {
  return {
    name: `a client comes back by ${transports} when its server does, with what was sent meanwhile`,
    async run(t) {
      const server = await t.engine();
      const page = await t.page();
      const session = await page.open({ url: server.url, transports: transports.split(' then '), reconnect: RECONNECT });
      await session.send('before');
      assert.equal((await session.until('Message')).text, 'before');
      await server.ask('close');
      const end = await session.until('Disconnected');
      assert.equal(end.session, 1);
      await session.until('Reconnecting');
      await session.send('meanwhile');
      // The client has tried in vain at least once.
      await session.until('Reconnecting');
      await server.ask('reopen');
      assert.equal((await session.until('Connected')).session, 2);
      assert.equal((await session.until('Message')).text, 'meanwhile');
      assert.equal((await session.disconnect()).reason.by, 'Client');
    },
  };
}

const confirms = {
  name: 'receipts confirm messages by polling',
  async run(t) {
    const server = await t.engine({ recorded: true });
    const page = await t.page();
    const session = await page.open({ url: server.url, transports: ['polling'], receipts: true });
    await session.send_numbered(0, 400);
    await session.confirm();
    assert.equal((await server.ask('texts')).filter((text) => text.startsWith('text ')).length, 100);
    const closed = await session.disconnect();
    assert.equal(closed.confirmed, 400, closed.debug);
    assert.equal(closed.isClean, true, closed.debug);
  },
};

const confirmsNothing = {
  name: 'receipts confirm nothing by WebSocket, and the session says so and continues',
  async run(t) {
    const server = await t.engine();
    const page = await t.page();
    const session = await page.open({ url: server.url, transports: ['websocket'], receipts: true });
    await session.until('NoReceipts');
    await session.send('hello');
    assert.equal((await session.until('Message')).text, 'hello');
    await assert.rejects(session.confirm(), /Unsupported/);
    assert.equal((await session.disconnect()).isClean, true);
  },
};

const atLeastOnce = {
  name: 'at least once: everything arrives although the connection is cut in the middle',
  async run(t) {
    const server = await t.engine({ recorded: true });
    const relay = await t.relay(server);
    const page = await t.page();
    const session = await page.open({ url: relay.url, transports: ['polling'], reconnect: RECONNECT, resend: true });
    const cut = relay.ask('when', { text: 'text 200', direction: 'up' });
    await session.send_numbered(0, 400);
    await cut;
    await session.until('Disconnected');
    await relay.ask('set', { mode: 'open' });
    await session.confirm();
    const texts = (await server.ask('texts')).filter((text) => text.startsWith('text '));
    const numbers = new Set(texts.map((text) => Number(text.split(' ')[1])));
    t.note(`${texts.length - numbers.size} texts came twice`);
    assert.deepEqual([...numbers].sort((a, b) => a - b), Array.from({ length: 100 }, (_, at) => 4 * at));
    await session.disconnect();
  },
};

const atLeastOnceByDefault = {
  name: 'at least once with the default transports stays on polling, which confirms',
  async run(t) {
    const server = await t.engine();
    const page = await t.page();
    const session = await page.open({ url: server.url, reconnect: RECONNECT, resend: true });
    await session.send('hello');
    await session.confirm();
    t.note(`by ${await session.transport()}`);
    const closed = await session.disconnect();
    assert.equal(closed.isClean, true, closed.debug);
    assert.equal(closed.confirmed, 1, closed.debug);
  },
};

const now = {
  name: 'reconnect_now skips a long delay',
  async run(t) {
    const server = await t.engine();
    const page = await t.page();
    const session = await page.open({ url: server.url, transports: ['websocket'], reconnect: [3_600_000, 3_600_000] });
    await session.send('do:terminate');
    await session.until('Reconnecting');
    await session.reconnect_now();
    assert.equal((await session.until('Connected')).session, 2);
    await session.disconnect();
  },
};

export default [
  comesBack('websocket'),
  comesBack('polling'),
  comesBack('polling then websocket'),
  confirms,
  confirmsNothing,
  atLeastOnce,
  atLeastOnceByDefault,
  now,
];
