'use strict';

// The service of examples/rows-service.js before anybody has looked at it: with Buffers, and as far
// as the application `rows` asks it.

const express = require('express');
const { startOf, text } = require('./lines.js');
const { note } = require('./journal.js');
const { Reports } = require('./reports.js');
const { parseRows } = require('./rows.js');
const { Sessions } = require('./sessions.js');

/** `mount(app)` is called before there are routes. */
exports.createApp = function createApp({ pageBytes, mount = () => {} }) {
  const reports = new Reports(400);
  const sessions = new Sessions(1000);
  const app = express();
  mount(app);
  app.param('page', (_req, res, next, page) => {
    if (/^\d{1,9}$/.test(page)) next();
    else res.sendStatus(404);
  });
  app.get('/users/:user/rows/:page', ({ params }, res) => {
    const page = Number(params.page);
    const session = sessions.of(params.user);
    const rows = parseRows(text, startOf(page), pageBytes);
    const report = reports.get(page % 1000, text, startOf(page % 1000));
    note(params.user, page);
    res.set('x-session', session.toString('latin1', 0, 16));
    res.set('x-report', report.toString('latin1', 0, 8));
    res.end(rows);
  });
  app.get('/reports/:page', ({ params }, res) => {
    const page = Number(params.page);
    res.type('html');
    res.end(reports.get(page, text, startOf(page)));
  });
  return app;
};
