// Compares this client with engine.io-client in the same page, in alternating rounds. Usage:
//
// node compare.mjs --modules DIR --page DIR [--rounds 5]

import { commandLine, launch, startServers } from './browser.mjs';
import { Case } from './case.mjs';

const UPGRADED = ['polling', 'websocket'];
const BURST = 20_000;

/// Each returns the milliseconds of one run, in the page. `ours` is a call of `page/src/volume.rs`.
const ROWS = [
  {
    row: '20,000 echoes in a burst, after the upgrade', unit: 'µs each', per: BURST / 1000,
    ours: ['echo', {}, BURST, true], theirs: ['burst', UPGRADED, BURST],
  },
  {
    row: '1,000 round trips by WebSocket', unit: 'µs each', per: 1,
    ours: ['round_trips', { transports: ['websocket'] }, 1000, false], theirs: ['roundTrips', ['websocket'], 1000],
  },
  {
    row: '300 round trips by polling', unit: 'µs each', per: 0.3,
    ours: ['round_trips', { transports: ['polling'] }, 300, false], theirs: ['roundTrips', ['polling'], 300],
  },
  {
    row: '20 × 1 MiB by WebSocket', unit: 'ms in all', per: 1,
    ours: ['large', { transports: ['websocket'] }, 20, 1 << 20, false], theirs: ['large', ['websocket'], 20, 1 << 20],
  },
  {
    row: '10 × 1 MiB by polling', unit: 'ms in all', per: 1,
    ours: ['large', { transports: ['polling'] }, 10, 1 << 20, false], theirs: ['large', ['polling'], 10, 1 << 20],
  },
];

/// Blocks of the event loop in the burst, from `site/blocks.mjs`.
const BLOCKS = [
  { row: 'longest task in the burst (0: below 50 ms)', unit: 'ms', of: 'task' },
  { row: 'longest wait of a posted message in the burst', unit: 'ms', of: 'posted' },
  { row: 'longest time between frames in the burst', unit: 'ms', of: 'frame' },
];

function ours(page, url, [name, options, ...rest]) {
  return page.call(name, { url, ...options }, ...rest).then(({ milliseconds }) => milliseconds);
}

function theirs(page, url, [name, ...rest]) {
  return page.evaluate(([name, ...rest]) => window.reference[name](...rest), [name, url, ...rest]);
}

/// The burst once more, since measuring the blocks takes time of its own.
async function blocks(page, url, results) {
  const { ours: [ourName, options, ...ourRest], theirs: [theirName, ...theirRest] } = ROWS[0];
  const one = await page.callMeasured(ourName, { url, ...options }, ...ourRest);
  const measured = ([name, ...rest]) => window.blocks.longest(() => window.reference[name](...rest));
  const other = await page.evaluate(measured, [theirName, url, ...theirRest]);
  for (const { row, of } of BLOCKS) {
    results[row].ours.push(one[of]);
    results[row].theirs.push(other[of]);
  }
}

function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}

async function round(page, url, results) {
  for (const { row, per, ours: our, theirs: their } of ROWS) {
    results[row].ours.push((await ours(page, url, our)) / per);
    results[row].theirs.push((await theirs(page, url, their)) / per);
  }
  await blocks(page, url, results);
}

function print(results) {
  console.log('| | unit | this client | engine.io-client | ratio |\n|---|---|---|---|---|');
  for (const { row, unit } of [...ROWS, ...BLOCKS]) {
    const [one, other] = [median(results[row].ours), median(results[row].theirs)];
    const ratio = other > 0 ? (one / other).toFixed(2) : '–';
    console.log(`| ${row} | ${unit} | ${one.toFixed(1)} | ${other.toFixed(1)} | ${ratio} |`);
  }
}

async function main() {
  const settings = { ...commandLine({ modules: '', page: '', rounds: '5' }), executable: process.env.CHROMIUM || '/usr/bin/chromium' };
  const servers = await startServers(settings);
  let browser;
  try {
    browser = await launch(settings);
    const itself = new Case({ browser, servers, settings });
    const { url } = await itself.engine();
    const page = await itself.page();
    const results = Object.fromEntries([...ROWS, ...BLOCKS].map(({ row }) => [row, { ours: [], theirs: [] }]));
    // The first one compiles.
    await round(page, url, structuredClone(results));
    for (let done = 0; done < Number(settings.rounds); done++) await round(page, url, results);
    print(results);
    if (itself.faults.length > 0) throw new Error(itself.faults.join('\n'));
  } finally {
    await browser?.close();
    await servers.stop();
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
