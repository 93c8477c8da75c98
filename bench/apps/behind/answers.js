// The server behind proxies: it answers what the client is due.

const http = require('node:http');

module.exports = (exchanges) => {
  const answers = new Map(exchanges.map(({ path, answer }) => [path, answer]));
  return http.createServer((req, res) => {
    const answer = answers.get(req.url);
    res.setHeader('content-length', answer.length);
    res.end(answer);
  });
};
