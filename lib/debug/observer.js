'use strict';

// Debug mode as the layers below see it: handles their events. base/observer.js says what each
// event means.

const { expired, held, released } = require('./leaks/holds.js');
const opened = require('./leaks/opened.js');
const { stuckRequest, stuckSlots } = require('./leaks/stuck.js');
const { readFor } = require('./trace.js');
const freed = require('./watch/freed.js');
const { detached, ended, gone } = require('./watch/span-watch.js');
const { callOf, freedAgain, used } = require('./watch/uses.js');
const { unheld } = require('./watch/witness.js');

const observer = Object.freeze({
  used: (view, kind, consumer) => used(view, callOf(kind, consumer)),
  unheld,
  freedAgain,
  freed: freed.freed,
  opened: opened.opened,
  closed(core) {
    freed.closed(core);
    opened.closed(core);
  },
  isOver: freed.isOver,
  readFor,
  ended,
  gone,
  detached,
  held,
  released,
  expired,
  stuckSlots,
  stuckRequest,
});

module.exports = { observer };
