'use strict';

// Measures a server of `ralloc trial --load` ten times a second once it listens. Each row is appended to a file that the command reads, so that nothing is lost
// however the server ends. Both servers, with and without changed lines, load this first. It loads nothing of ralloc.

const { subscribe } = require('node:diagnostics_channel');
const { appendFileSync } = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { PerformanceObserver, constants } = require('node:perf_hooks');
const process = require('node:process');
const { isMainThread } = require('node:worker_threads');

const ROW_MS = 100;
const { NODE_PERFORMANCE_GC_MAJOR: MAJOR } = constants;

function measure(folder) {
  const file = path.join(folder, `${process.pid}`);
  let [requests, majors] = [0, 0];
  subscribe('http.server.request.start', () => requests++);
  new PerformanceObserver((list) => {
    majors += list.getEntries().filter(({ detail }) => detail.kind === MAJOR).length;
  }).observe({ entryTypes: ['gc'] });
  const tell = () => {
    const { user, system } = process.cpuUsage();
    const row = [Date.now(), user + system, process.memoryUsage.rss(), majors, requests];
    try {
      appendFileSync(file, `${JSON.stringify(row)}\n`);
    } catch {
      clearInterval(timer); // the command is gone, or nothing may be written there
    }
  };
  const timer = setInterval(tell, ROW_MS);
  timer.unref();
  tell();
}

const { RALLOC_TRIAL_ROWS: rows } = process.env;
if (rows && isMainThread) {
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function first(...args) {
    net.Server.prototype.listen = listen;
    this.prependOnceListener('listening', () => measure(rows));
    return Reflect.apply(listen, this, args);
  };
}
