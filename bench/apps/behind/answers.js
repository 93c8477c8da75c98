// The server behind proxies: it answers what the client is due, or the exchange's `source`.

const http = require('node:http');

module.exports = (exchanges) => {
  const answers = new Map(exchanges.map(({ path, answer, source = answer }) => [path, source]));
  return http.createServer((req, res) => {
    const answer = answers.get(req.url);
    res.setHeader('content-length', answer.length);
    res.end(answer);
  });
};
