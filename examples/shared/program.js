'use strict';

// A server as a program: it listens, says where, serves until SIGINT or SIGTERM, answers what it has, and tells what it did.

const { once } = require('node:events');

/**
 * `parse(words)` reads the command line, and throws for wrong usage. `create(options)` makes a server with listen(port, host) and close();
 * one that may become unable to go on has `failed`, which resolves to the reason then. `tell(server)` gives the last lines.
 * Resolves to the exit code. 0: all requests were answered; 1: it cannot serve; 2: wrong usage.
 */
async function serve(words, { usage, parse, create, tell }) {
  let options;
  try {
    options = parse(words);
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
  let server;
  let isListening = false;
  try {
    server = create(options);
    const { address, port } = await server.listen(options.port, options.host);
    isListening = true;
    console.log(`listening on ${address}:${port}`);
    const ends = [once(stop.signal, 'abort'), server.failed];
    const error = await Promise.race(ends.filter((end) => end !== undefined));
    if (error instanceof Error) throw error;
  } catch (error) {
    console.error(error.message);
    if (isListening || server?.failed !== undefined) await server.close();
    return 1;
  }
  await server.close();
  for (const line of tell(server)) console.log(line);
  return 0;
}

/** Runs the module as a program, if it is the one that was started. */
function program(module, parts) {
  if (require.main !== module) return;
  serve(process.argv.slice(2), parts).then((code) => {
    process.exitCode ??= code;
  });
}

module.exports = { program };
