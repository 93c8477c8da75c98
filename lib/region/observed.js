'use strict';

// Replaces the methods of Region that hand out Buffers while an observer is on (base/observer.js).

const { ObservedMethods, allocatingAll } = require('../memory/observed-methods.js');
const { coreOf, watch } = require('./buffer.js');
const { Region } = require('./region.js');

const observed = new ObservedMethods(
  Region.prototype,
  allocatingAll({ kind: 'region', coreOf, watch }),
);

module.exports = { observed };
