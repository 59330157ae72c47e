// Runs the cases in a browser, and prints a line for each. Usage:
//
// node drive.mjs --modules DIR --page DIR [--node DIR] [--firefox PROGRAM] [--planted FAULT] [--list] [WORD...]
//
// Only cases run whose names contain every WORD. DIR is a folder `node_modules`, the folder of the compiled page, and that
// of the page compiled for Node. With --firefox, the cases run in that browser, without those that need Chromium's own
// protocol and those that only wait. FAULT is one of `servers/planted.js`, which cases have to find.

import { commandLine, launch, launchFirefox, startServers } from './browser.mjs';
import { Case } from './case.mjs';
import credentials from './cases/credentials.mjs';
import ends from './cases/ends.mjs';
import errors from './cases/errors.mjs';
import flood from './cases/flood.mjs';
import heartbeat from './cases/heartbeat.mjs';
import hidden from './cases/hidden.mjs';
import hosts from './cases/hosts.mjs';
import limits from './cases/limits.mjs';
import programs from './cases/programs.mjs';
import reconnecting from './cases/reconnecting.mjs';
import volume from './cases/volume.mjs';

// Those of `HEAVY` keep the processors busy, so nothing that is measured in milliseconds runs beside them.
const HEAVY = [volume, flood].flat();
const LIGHT = [heartbeat, ends, limits, errors, credentials, programs, hosts, reconnecting, hidden].flat();

/// How long a case may take, in milliseconds, if it does not say.
const DEADLINE = 90_000;

async function main() {
  const settings = commandLine({ modules: '', page: '', node: '', firefox: '', planted: '', list: false });
  const isChosen = ({ name, isIdle, isChromiumOnly }) =>
    settings.words.every((word) => name.includes(word)) && !(settings.firefox && (isIdle || isChromiumOnly));
  const chosen = { heavy: HEAVY.filter(isChosen), light: LIGHT.filter(isChosen) };
  if (settings.list) {
    for (const { name } of Object.values(chosen).flat()) console.log(name);
    return true;
  }
  settings.executable = process.env.CHROMIUM || '/usr/bin/chromium';
  const servers = await startServers(settings);
  try {
    const browser = await (settings.firefox ? launchFirefox(settings) : launch(settings));
    try {
      return await runAll(chosen, { browser, servers, settings });
    } finally {
      await browser.close();
    }
  } finally {
    await servers.stop();
  }
}

/// Runs the cases one after another. Those that only wait run beside the light ones.
async function runAll({ heavy, light }, tools) {
  const start = Date.now();
  const results = [];
  for (const each of heavy) results.push(await run(each, tools));
  const beside = light.filter(({ isIdle }) => isIdle).map((each) => run(each, tools));
  for (const each of light.filter(({ isIdle }) => !isIdle)) results.push(await run(each, tools));
  results.push(...(await Promise.all(beside)));
  const failed = results.filter((isOk) => !isOk).length;
  const seconds = ((Date.now() - start) / 1000).toFixed(0);
  console.log(`${results.length} cases, ${failed} failed (${seconds} s)`);
  return failed === 0 && results.length > 0;
}

async function run({ name, run, deadline = DEADLINE }, tools) {
  const itself = new Case(tools);
  const start = Date.now();
  let fault = null;
  try {
    await within(run(itself), deadline);
    fault = itself.faults[0] ?? null;
  } catch (error) {
    fault = [firstLine(error), ...itself.faults].join('; ');
  }
  // The end of a page may take a page that hangs with it.
  await within(itself.end(), DEADLINE).catch((error) => (fault ??= error.message));
  const took = Date.now() - start;
  const notes = itself.notes.map((note) => `: ${note}`).join('');
  console.log(fault ? `FAILED ${name}: ${fault}` : `ok ${name} (${took} ms)${notes}`);
  return fault === null;
}

/// The error on one line, without the stack of the page, which playwright adds to the message.
function firstLine(error) {
  return error.message.replace(/\n +at [^]*/, '').replace(/\s*\n\s*/g, ' ').slice(0, 600);
}

function within(promise, milliseconds) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not finished after ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A case that has failed leaves calls behind that fail as well when its page is closed.
process.on('unhandledRejection', () => {});

main().then(
  (isOk) => process.exit(isOk ? 0 : 1),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
