// The browser, the servers and the page, for `drive.mjs` and `compare.mjs`.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

/// Starts the process of all servers.
export async function startServers({ modules, page }) {
  const child = spawn(process.execPath, [path.join(here, 'server.js'), modules, page], { stdio: ['pipe', 'pipe', 'inherit'] });
  // The process may have ended on its own, which the next answer that is missing reports.
  child.stdin.on('error', () => {});
  const lines = readline.createInterface({ input: child.stdout });
  const ended = new Promise((_, reject) => {
    child.once('exit', (code) => reject(new Error(`the servers' process ended with ${code}`)));
  });
  ended.catch(() => {});
  const first = new Promise((resolve) => lines.once('line', resolve));
  const { page: port } = JSON.parse(await Promise.race([first, ended]));
  return new Servers(child, lines, ended, `http://127.0.0.1:${port}`);
}

class Servers {
  constructor(child, lines, ended, origin) {
    Object.assign(this, { child, ended, origin, asked: new Map(), next: 1 });
    lines.on('line', (line) => this.#answer(JSON.parse(line)));
  }

  #answer({ id, result, error }) {
    const { resolve, reject } = this.asked.get(id);
    this.asked.delete(id);
    if (error) reject(new Error(error));
    else resolve(result);
  }

  #ask(command) {
    const id = this.next++;
    this.child.stdin.write(`${JSON.stringify({ id, ...command })}\n`);
    const answer = new Promise((resolve, reject) => this.asked.set(id, { resolve, reject }));
    return Promise.race([answer, this.ended]);
  }

  /// Starts a server of this kind on a free port.
  async start(kind, options) {
    const { server, port } = await this.#ask({ start: kind, with: options });
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      ask: (what, argument) => this.#ask({ ask: server, what, with: argument }),
    };
  }

  /// The process ends when its input does; it is killed if it does not.
  async stop() {
    this.child.stdin.end();
    const late = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await this.ended.catch(() => {});
    clearTimeout(late);
  }
}

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/// A machine that compiles at the same time takes long to start a browser, in milliseconds.
const START = 180_000;

function load(modules, name) {
  return createRequire(path.join(path.resolve(modules), 'modules.js'))(name);
}

function chromium(modules) {
  return load(modules, 'playwright-core').chromium;
}

/// Starts one browser without a window, with a profile of its own that is deleted at the end.
export function launch({ modules, executable }) {
  return chromium(modules).launch({ headless: true, executablePath: executable, timeout: START, args: FLAGS });
}

/// Starts Firefox, as far as the cases see it like playwright's browser. Playwright leads only a Firefox that it has
/// changed, puppeteer that of the system.
export async function launchFirefox({ modules, firefox }) {
  const puppeteer = load(modules, 'puppeteer-core');
  const browser = await puppeteer.launch({ browser: 'firefox', executablePath: firefox, headless: true, timeout: START });
  return { newContext: () => browser.createBrowserContext(), close: () => browser.close() };
}

/// What Firefox reports like an exception of the page, although a program can catch it.
const NOTICES = /^(Cross-Origin Request Blocked|Firefox can’t establish a connection|The connection to .* was interrupted)/;

/// Starts a browser whose pages can be hidden and frozen: those that playwright has started pretend to have the focus.
export async function launchPlain({ modules, executable }) {
  const profile = await mkdtemp(path.join(tmpdir(), 'engineio-web-'));
  const flags = [...FLAGS, '--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'];
  const child = spawn(executable, flags, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  // This process may end before the case does.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    kill();
    await ended;
    process.off('exit', kill);
    // Its helper processes may still write.
    await rm(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
  try {
    const address = await Promise.race([devtoolsAddress(child), ended.then(() => Promise.reject(new Error('the browser did not start')))]);
    const browser = await chromium(modules).connectOverCDP(address, { noDefaults: true, timeout: START });
    return { context: browser.contexts()[0], stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function devtoolsAddress(child) {
  return new Promise((resolve) => {
    readline.createInterface({ input: child.stderr }).on('line', (line) => {
      const found = /DevTools listening on (ws:\S+)/.exec(line);
      if (found) resolve(found[1]);
    });
  });
}

/// Opens the test page in this browser context.
export async function openPage(context, origin, onError) {
  const page = await context.newPage();
  page.on('pageerror', (error) => {
    if (!NOTICES.test(error.message)) onError(`an error in the page: ${error.stack ?? error}`);
  });
  page.on('crash', () => onError('the page crashed'));
  await page.goto(origin);
  await page.waitForFunction(() => window.isReady);
  return page;
}

/// The options of the command line: `--name value`, and the other arguments.
export function commandLine(defaults) {
  const options = { ...defaults, words: [] };
  const rest = process.argv.slice(2);
  while (rest.length > 0) {
    const argument = rest.shift();
    if (!argument.startsWith('--')) {
      options.words.push(argument);
      continue;
    }
    const name = argument.slice(2);
    if (!(name in defaults)) throw new Error(`no such option: ${argument}`);
    options[name] = typeof defaults[name] === 'boolean' ? true : rest.shift();
  }
  return options;
}
