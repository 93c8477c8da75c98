'use strict';

// site() and loadTable(), which load what is behind them by their first use.

const { lazy } = require('../base/lazy.js');

const tables = lazy(() => require('./table.js'));

/** Reads a table, for all sites of this thread. If it throws, nothing of the table is used. */
const loadTable = (file, options) => tables().loadTable(file, options);

/** Returns the site of a name, always the same one for the same name. */
const site = (name) => tables().site(name);

site.stats = () => tables().site.stats();

module.exports = { loadTable, site };
