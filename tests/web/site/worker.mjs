// A dedicated worker that does one call.

import { call } from '/client.mjs';

self.onmessage = async ({ data: [name, options, ...rest] }) => {
  try {
    self.postMessage({ result: await call(name, options, ...rest) });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
// A message that comes before the handler is set is lost, since the import above takes a while.
self.postMessage({ isReady: true });
