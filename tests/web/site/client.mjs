// The compiled page, for a page and for a worker.

import init, * as page from '/page.js';

const instance = await init({ module_or_path: '/page_bg.wasm' });
const sessions = [];

function parsed(result) {
  if (typeof result !== 'string' || !/^[[{]/.test(result)) return result;
  return JSON.parse(result);
}

/// Calls a function of the page with the options of a client.
export async function call(name, options, ...rest) {
  return parsed(await page[name](JSON.stringify(options), ...rest));
}

/// Creates a session by `open` or `start`, and returns its number.
export async function create(how, options) {
  return sessions.push(await page.Session[how](JSON.stringify(options))) - 1;
}

/// Calls a method of a session. Messages that look like JSON stay texts.
export async function method(number, name, ...rest) {
  const result = await sessions[number][name](...rest);
  if (result instanceof Uint8Array) return { bytes: [...result] };
  return name === 'recv' ? result : parsed(result);
}

/// Drops the client.
export function free(number) {
  sessions[number].free();
}

/// Bytes of the module's memory, which never shrinks.
export function memory() {
  return instance.memory.buffer.byteLength;
}
