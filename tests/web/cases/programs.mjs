// What a program does with a client: handlers, tasks, sleeps.

import assert from 'node:assert/strict';

/// The longest time-out that JavaScript keeps. Longer ones fire at once.
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export default [
  {
    name: 'handlers send and receive 2,000 messages in order, and see the upgrade and the end',
    async run(t) {
      const server = await t.engine();
      const page = await t.page();
      const { calls, closed } = await page.call('by_handlers', { url: server.url }, 2000);
      assert.deepEqual(calls, ['connect', 'upgrade websocket', 'disconnect']);
      assert.equal(closed.isClean, true, closed.debug);
    },
  },
  {
    name: 'a spawned task runs, sleeps and returns, and an aborted one ends',
    async run(t) {
      const server = await t.engine();
      const page = await t.page();
      const { slept, aborted } = await page.call('tasks', { url: server.url }, 250);
      t.note(`slept ${slept.toFixed(1)} ms of 250`);
      assert.ok(slept >= 250 && slept < 5000, `${slept}`);
      assert.equal(aborted, 'Aborted');
    },
  },
  ...[LONGEST_TIMEOUT + 1, 2 ** 32 + 5, 1e15].map((long) => ({
    name: `a sleep of ${long} ms does not end at once`,
    async run(t) {
      const server = await t.engine();
      const page = await t.page();
      assert.equal(await page.call('race_of_sleeps', { url: server.url }, long, 200), 'short');
    },
  })),
];
