// As node --require ralloc/auto has it.
require('ralloc/auto');
module.exports = require('./plain.js');
