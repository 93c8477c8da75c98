'use strict';

// The methods of Region that hand out Buffers, while somebody observes.

const { Ways, allocatingAll } = require('../memory/ways.js');
const { coreOf, watch } = require('./buffer.js');
const { Region } = require('./region.js');

const ways = new Ways(Region.prototype, allocatingAll({ kind: 'region', coreOf, watch }));

module.exports = { ways };
