/**
 * Preloaded into the agent's process (`node --require`): how late its event loop is. Every `TICK` it looks how far past due
 * it runs, and takes off what the thread spent waiting for a CPU (/proc/thread-self/schedstat), which is the machine's
 * affair. Goes out on file descriptor 3 as JSON lines. SIGUSR2: collects garbage (`--expose-gc`) and tells the heap and
 * how many timers run.
 */
'use strict';
const fs = require('node:fs');

const TICK = 20;
const REPORT = 200;
const schedstat = fs.openSync('/proc/thread-self/schedstat', 'r');
const buffer = Buffer.alloc(96);

/** Milliseconds that this thread could have run and had no CPU. */
function starved() {
  const length = fs.readSync(schedstat, buffer, 0, buffer.length, 0);
  return Number(buffer.latin1Slice(0, length).split(' ')[1]) / 1e6;
}

function say(line) {
  try {
    fs.writeSync(3, `${JSON.stringify(line)}\n`);
  } catch {
    // Whoever listened has gone.
  }
}

let last = performance.now();
let lastStarved = starved();
let said = last;
let late = [];
let withheld = 0;

setInterval(() => {
  const now = performance.now();
  const waited = starved();
  const raw = Math.max(0, now - last - TICK);
  late.push(Math.round(10 * Math.max(0, raw - (waited - lastStarved))) / 10);
  withheld += waited - lastStarved;
  last = now;
  lastStarved = waited;
  if (now - said < REPORT) return;
  say({ at: Date.now(), late, withheld: Math.round(withheld) });
  said = now;
  late = [];
  withheld = 0;
}, TICK).unref();

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  const timers = process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
  say({ heap: heapUsed + external, timers });
});
