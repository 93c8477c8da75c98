'use strict';

// Replaces the methods of Slab that hand out Buffers while an observer is on (base/observer.js).

const { observing } = require('../base/observer.js');
const { BY_ANOTHER, ObservedMethods, allocatingAll } = require('../memory/observed-methods.js');
const { coreOf, watch } = require('./buffer.js');
const { Slab } = require('./slab.js');

const of = { kind: 'slab', coreOf, watch };

/** For receive() and revoke(), whose Buffer is over the slot of an earlier Buffer. */
const receiving = (original) =>
  function receive(token) {
    const { observer } = observing;
    if (!observer.picks()) return original.call(this, token);
    return observer.allocated(of, original.call(this, token), 'sent', receive);
  };

const observed = new ObservedMethods(Slab.prototype, {
  ...allocatingAll(of),
  receive: receiving,
  revoke: receiving,
  use: BY_ANOTHER,
});

module.exports = { observed };
