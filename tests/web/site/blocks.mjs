// How long the event loop is blocked. A message that a page posts to itself is a task like any other: it waits for the
// task that runs, and for the microtasks after it.

/// Runs `work`, and returns its result and the longest time between two turns of the event loop, in milliseconds.
export async function longest(work) {
  const channel = new MessageChannel();
  let last = performance.now();
  let longest = 0;
  let isRunning = true;
  channel.port1.onmessage = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (isRunning) channel.port2.postMessage(0);
  };
  channel.port2.postMessage(0);
  try {
    return { result: await work(), longest: Math.max(longest, performance.now() - last) };
  } finally {
    isRunning = false;
    channel.port1.close();
  }
}
