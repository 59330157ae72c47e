// How long the event loop is blocked.

/// Calls `again` over and over, and keeps the longest time between two calls, in milliseconds.
function longestGap(again) {
  let last = performance.now();
  const gap = { longest: 0 };
  const next = () => {
    const now = performance.now();
    gap.longest = Math.max(gap.longest, now - last);
    last = now;
    again(next);
  };
  again(next);
  return gap;
}

/// Runs `work`, and returns its result with three times in milliseconds:
///
/// - `task`: the longest task. Browsers report those of 50 ms and more, so 0 stands for any shorter one.
/// - `posted`: the longest time between two messages that the page posts to itself. Each waits for all tasks that came
///   before it, such as thousands of messages that arrived at once, however short each of them is.
/// - `frame`: the longest time between two frames.
export async function longest(work) {
  let isRunning = true;
  let task = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) task = Math.max(task, duration);
  });
  observer.observe({ type: 'longtask' });
  const channel = new MessageChannel();
  let onPosted;
  channel.port1.onmessage = () => onPosted();
  const posted = longestGap((next) => {
    onPosted = next;
    if (isRunning) channel.port2.postMessage(0);
  });
  const frame = longestGap((next) => isRunning && requestAnimationFrame(next));
  try {
    const result = await work();
    // The observer hears of a task when it is over.
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const { duration } of observer.takeRecords()) task = Math.max(task, duration);
    return { result, task, posted: posted.longest, frame: frame.longest };
  } finally {
    isRunning = false;
    observer.disconnect();
    channel.port1.close();
  }
}
