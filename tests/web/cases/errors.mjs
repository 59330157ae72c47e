// Connections that fail, and what their errors say.

import assert from 'node:assert/strict';

const SECRET = 'SECRET';

/// A connection that must fail in the way `expected` says, without the value of its query in any text.
function refused(name, prepare, expected) {
  return {
    name,
    async run(t) {
      const page = await t.page();
      const error = await page.refused({ query: [['token', SECRET]], ...(await prepare(t)) });
      t.note(error.report);
      assert.ok(!error.debug.includes(SECRET) && !error.report.includes(SECRET), `it tells the secret: ${error.debug}`);
      assert.ok(!/wasm|undefined|JsValue/.test(error.report), error.report);
      expected(error);
    },
  };
}

const kind = (kind, pattern = /./) => (error) => {
  assert.equal(error.kind, kind, error.report);
  assert.match(error.report, pattern);
};

const status = (status) => (error) => {
  assert.equal(error.kind, 'Status', error.report);
  assert.equal(error.status, status, error.report);
};

const polling = { transports: ['polling'] };
const websocket = { transports: ['websocket'] };

/// The address of a port on which a server has been, and is no more.
async function closedPort(t) {
  const server = await t.engine();
  await server.ask('close');
  return server.url;
}

function answering(path, options) {
  return async (t) => {
    const server = await t.server('answers', { origin: t.origin });
    return { url: server.url, path, ...options };
  };
}

const failing = [
  refused('polling is refused without CORS',
    async (t) => ({ url: (await t.engine({ origin: undefined })).url, ...polling }), kind('Connect', /CORS/)),
  refused('a server that forbids the origin refuses a WebSocket',
    async (t) => ({ url: (await t.engine({ forbidden: true })).url, ...websocket }), kind('Connect', /WebSocket/)),
  refused('a closed port refuses polling', async (t) => ({ url: await closedPort(t), ...polling }), kind('Connect', /reach/)),
  refused('a closed port refuses a WebSocket', async (t) => ({ url: await closedPort(t), ...websocket }), kind('Connect', /WebSocket/)),
  refused('a closed port refuses all transports', async (t) => ({ url: await closedPort(t) }), kind('Connect', /polling.*websocket/)),
  refused('a 404 with CORS headers shows its status', answering('/cors/404/', polling), (error) => {
    status(404)(error);
    assert.match(error.report, /path/);
  }),
  refused('a 404 without CORS headers looks as if nobody answered', answering('/plain/404/', polling), kind('Connect', /CORS/)),
  refused('a 404 refuses a WebSocket', answering('/cors/404/', websocket), kind('Connect', /WebSocket/)),
  refused('a 503 shows its Retry-After when the server exposes it', answering('/cors/503/', polling), (error) => {
    status(503)(error);
    assert.equal(error.retryAfter, 7);
    assert.equal(error.isRetryable, true);
  }),
  refused('a redirect is an error that says so', answering('/cors/302/', polling), kind('Status', /redirect/)),
  refused('a web page is not Engine.IO', answering('/cors/html/', polling), kind('NotEngineIo', /path/)),
  refused('a wrong path of an engine.io server is refused',
    async (t) => ({ url: (await t.engine()).url, path: '/elsewhere', ...polling }), kind('Connect')),
];

const invalid = [
  ['an invalid URL', { url: 'not a url' }],
  ['a URL of another scheme', { url: 'ftp://127.0.0.1/' }],
  ['a URL without a host', { url: 'http://' }],
  ...['Origin', 'Cookie', 'Host', 'Sec-X', 'Connection', 'Proxy-X', 'Accept-Encoding', 'Content-Length'].map((name) => [
    `the forbidden header ${name}`, { url: 'http://127.0.0.1:9', headers: [[name, SECRET]] },
  ]),
  ['a header of a WebSocket alone', { url: 'http://127.0.0.1:9', headers: [['X-Mine', SECRET]], ...websocket }],
].map(([what, options]) => refused(`${what} is Invalid`, async () => options, kind('Invalid')));

const ownHeader = {
  name: 'a header of the program reaches the server after a preflight, also with an upgrade',
  async run(t) {
    const server = await t.engine();
    const page = await t.page();
    const session = await page.open({ url: server.url, headers: [['X-Mine', 'möhre'.normalize()], ['Authorization', 'Bearer 42']] });
    await session.upgraded();
    const requests = await server.ask('requests');
    assert.ok(requests.some(({ method }) => method === 'OPTIONS'), 'there was a preflight request');
    const handshake = requests.find(({ method }) => method === 'GET');
    assert.equal(handshake.headers.authorization, 'Bearer 42');
    // Node reads each byte of a header as a character.
    assert.equal(Buffer.from(handshake.headers['x-mine'], 'latin1').toString(), 'möhre');
    assert.equal((await session.disconnect()).isClean, true);
  },
};

const noPreflight = {
  name: 'without headers of the program there is no preflight',
  async run(t) {
    const server = await t.engine();
    const page = await t.page();
    const session = await page.open({ url: server.url, ...polling });
    await session.send('hello');
    assert.equal(await session.recv(), 'hello');
    await session.disconnect();
    const methods = (await server.ask('requests')).map(({ method }) => method);
    assert.ok(methods.includes('POST') && !methods.includes('OPTIONS'), methods.join(' '));
  },
};

const websocketWithoutCors = {
  name: 'a WebSocket needs no CORS headers',
  async run(t) {
    const server = await t.engine({ origin: undefined });
    const page = await t.page();
    const session = await page.open({ url: server.url, ...websocket });
    await session.send('hello');
    assert.equal(await session.recv(), 'hello');
  },
};

const fallsBack = {
  name: 'the default transports come through by WebSocket where CORS refuses polling',
  async run(t) {
    const server = await t.engine({ origin: undefined });
    const page = await t.page();
    const session = await page.open({ url: server.url });
    assert.equal(await session.transport(), 'websocket');
  },
};

export default [...failing, ...invalid, ownHeader, noPreflight, websocketWithoutCors, fallsBack];
