'use strict';

/** A bar on stderr for `total` steps; where that is no terminal, a line at each tenth. */
module.exports = function progress(total, stream = process.stderr) {
  let done = 0;
  return function step(what) {
    const share = ++done / total;
    const bar = '█'.repeat(Math.round(share * 30)).padEnd(30, '░');
    const line = `${bar} ${String(Math.round(share * 100)).padStart(3)} %  ${what}`;
    if (stream.isTTY) stream.write(`\r\x1b[K${done === total ? '' : line}`);
    else if (Math.floor(share * 10) > Math.floor(((done - 1) / total) * 10)) {
      stream.write(`${line}\n`);
    }
  };
};
