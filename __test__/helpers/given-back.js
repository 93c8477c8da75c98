'use strict';

const { release } = require('../..');
const { until } = require('./until.js');

/** On Node 20 nothing can be released in the turn that asks first. */
const releases = () => until(() => release(Buffer.allocUnsafeSlow(1)) === 1);

module.exports = { releases };
