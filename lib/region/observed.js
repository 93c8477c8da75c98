'use strict';

// The methods of Region that hand out Buffers, while somebody observes.

const { ObservedMethods, allocatingAll } = require('../memory/observed-methods.js');
const { coreOf, watch } = require('./buffer.js');
const { Region } = require('./region.js');

const observed = new ObservedMethods(
  Region.prototype,
  allocatingAll({ kind: 'region', coreOf, watch }),
);

module.exports = { observed };
