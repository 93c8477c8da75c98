// The server behind proxies: it answers what the client is due, or the exchange's `source`.

const http = require('node:http');

module.exports = (exchanges) => {
  const answers = new Map(exchanges.map(({ path, answer, source = answer }) => [path, source]));
  return http.createServer((req, res) => {
    const answer = answers.get(req.url);
    if (answer === undefined) return res.writeHead(404).end(); // `ralloc compare` asks whether it is ready
    res.setHeader('content-length', answer.length);
    return res.end(answer);
  });
};
