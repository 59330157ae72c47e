// Cookies of a server of another origin.

import assert from 'node:assert/strict';

const COOKIE = { name: 'balancer', path: '/', httpOnly: true, sameSite: 'lax' };

/// The cookies of each request after the first one.
async function laterCookies(t, credentials) {
  const server = await t.engine({ cookie: COOKIE });
  const page = await t.page();
  const session = await page.open({ url: server.url, transports: ['polling'], credentials });
  await session.send('hello');
  assert.equal(await session.recv(), 'hello');
  await session.disconnect();
  const requests = await server.ask('requests');
  assert.ok(requests.length >= 3);
  return requests.slice(1).map(({ headers }) => headers.cookie);
}

export default [
  {
    name: 'a cookie of the handshake comes back with Credentials::Include',
    async run(t) {
      const cookies = await laterCookies(t, 'include');
      assert.ok(cookies.every((cookie) => /^balancer=/.test(cookie)), `${cookies}`);
    },
  },
  ...[undefined, 'same-origin', 'omit'].map((credentials) => ({
    name: `no cookie goes to another origin ${credentials ? `with the credentials ${credentials}` : 'by default'}`,
    async run(t) {
      const cookies = await laterCookies(t, credentials);
      assert.ok(cookies.every((cookie) => cookie === undefined), `${cookies}`);
    },
  })),
];
