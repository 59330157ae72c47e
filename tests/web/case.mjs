// What a case can use: servers, pages, sessions. All of it ends with the case.

import { launchPlain, openPage } from './browser.mjs';

export class Case {
  constructor({ browser, servers, settings }) {
    Object.assign(this, { browser, servers, settings });
    this.origin = servers.origin;
    this.started = [];
    this.faults = [];
    this.notes = [];
    this.context = null;
    this.plain = null;
  }

  /// A server of engine.io that lets the page read its answers.
  engine(options = {}) {
    return this.server('engine', { origin: this.origin, fault: this.settings.planted, ...options });
  }

  relay(server) {
    return this.server('relay', { to: server.port });
  }

  async server(kind, options) {
    const server = await this.servers.start(kind, options);
    this.started.push(server);
    return server;
  }

  /// A new tab with the test page. The pages of a case share cookies, and those of two cases do not.
  async page() {
    this.context ??= await this.browser.newContext();
    const page = await openPage(this.context, this.origin, (fault) => this.faults.push(fault));
    return new Page(page);
  }

  /// A page in a browser of its own, which can be hidden and frozen.
  async plainPage() {
    this.plain = await launchPlain(this.settings);
    this.context = this.plain.context;
    return this.page();
  }

  /// A figure for the line that reports the case.
  note(text) {
    this.notes.push(text);
  }

  async end() {
    if (this.plain) await this.plain.stop();
    else await this.context?.close();
    await Promise.all(this.started.map((server) => server.ask('close')));
  }
}

export class Page {
  constructor(page) {
    this.page = page;
  }

  evaluate(script, argument) {
    return this.page.evaluate(script, argument);
  }

  /// Calls a function of `page/src`.
  call(name, options, ...rest) {
    return this.evaluate(([name, ...rest]) => window.client.call(name, ...rest), [name, options, ...rest]);
  }

  /// As `call`, and measures the longest block of the event loop meanwhile.
  callMeasured(name, options, ...rest) {
    return this.evaluate(([name, ...rest]) => window.blocks.longest(() => window.client.call(name, ...rest)), [name, options, ...rest]);
  }

  /// The report of the error of a connection that fails.
  refused(options) {
    return this.call('refused', options);
  }

  open(options) {
    return this.#create('open', options);
  }

  start(options) {
    return this.#create('start', options);
  }

  async #create(how, options) {
    const number = await this.evaluate(([how, options]) => window.client.create(how, options), [how, options]);
    return session(this, number);
  }

  memory() {
    return this.evaluate(() => window.client.memory());
  }

  /// A session of Chromium's protocol for what playwright does not offer.
  devtools() {
    return this.page.context().newCDPSession(this.page);
  }
}

const METHODS = [
  'opened', 'upgraded', 'transport', 'sid', 'send', 'send_numbered', 'try_send_bytes', 'flush', 'confirm', 'recv', 'recv_numbered',
  'event', 'wait', 'disconnect', 'reconnect_now',
];

/// A `Session` of `page/src/session.rs`, whose methods run in the page.
function session(page, number) {
  const call = (name) => (...rest) =>
    page.evaluate(([number, name, rest]) => window.client.method(number, name, ...rest), [number, name, rest]);
  const methods = Object.fromEntries(METHODS.map((name) => [name, call(name)]));
  /// Events until one has this type.
  const until = async (type) => {
    for (;;) {
      const event = await methods.event();
      if (!event) throw new Error(`the session ended without the event ${type}`);
      if (event.type === type) return event;
    }
  };
  const free = () => page.evaluate((number) => window.client.free(number), number);
  return { ...methods, until, free };
}
