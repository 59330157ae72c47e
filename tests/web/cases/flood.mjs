// A server that sends more than a page reads.

import assert from 'node:assert/strict';

const MIB = 1024 * 1024;
const SIZE = 100;

/// Reads within the page: calls of the driver would be slower than the server.
async function readAll([options, count, size]) {
  const session = await window.client.create('open', options);
  for (let number = 0; number < count; number++) {
    const text = await window.client.method(session, 'recv');
    if (text !== String(number).padEnd(size)) throw new Error(`message ${number} is ${String(text).slice(0, 20)}`);
  }
}

export default [
  {
    name: 'a WebSocket that floods a page that does not read ends with Limit, after the messages that had room',
    async run(t) {
      const server = await t.server('flood', { bytes: 40 * MIB, size: SIZE });
      const page = await t.page();
      const before = await page.memory();
      const session = await page.open({ url: server.url, transports: ['websocket'], max_waiting: MIB, max_message_size: 1000 });
      await server.ask('ended');
      let received = 0;
      let event;
      while ((event = await session.event()).type !== 'Closed') {
        if (event.type !== 'Message') continue;
        assert.equal(event.text, String(received).padEnd(SIZE));
        received++;
      }
      const grown = (await page.memory()) - before;
      t.note(`${received} messages, and the memory grew by ${(grown / MIB).toFixed(1)} MiB`);
      assert.equal(event.closed.reason.error?.kind, 'Limit', event.closed.debug);
      // 1 MiB, of which each message takes 64 bytes more than its length, and what is on its way to the program.
      assert.ok(received * (SIZE + 64) >= 0.9 * MIB, `${received}`);
      assert.ok(received * (SIZE + 64) < 2 * MIB, `${received}`);
      assert.ok(grown < 4 * MIB, `${grown} bytes`);
    },
  },
  {
    name: 'a page that reads receives 40 MiB of a flood in order',
    deadline: 180_000,
    async run(t) {
      const server = await t.server('flood', { bytes: 40 * MIB, size: 10_000 });
      const page = await t.page();
      const before = await page.memory();
      const count = Math.ceil((40 * MIB) / 10_000);
      await page.evaluate(readAll, [{ url: server.url, transports: ['websocket'] }, count, 10_000]);
      t.note(`the memory grew by ${(((await page.memory()) - before) / MIB).toFixed(1)} MiB`);
    },
  },
];
