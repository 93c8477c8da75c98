'use strict';

// A measurement that Ctrl-C and SIGTERM end: what is known by then is shown.

const INTERRUPTED = 130; // the exit code

/**
 * Calls act({ signal, aborted }), where Ctrl-C and SIGTERM abort. `aborted` rejects then. Resolves
 * with whether it was.
 */
async function untilInterrupted(act) {
  const end = new AbortController();
  const { signal } = end;
  const abort = () => (signal.aborted ? process.exit(INTERRUPTED) : end.abort());
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const name of names) process.on(name, abort);
  const aborted = new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});
  try {
    await act({ signal, aborted });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    for (const name of names) process.off(name, abort);
  }
  return signal.aborted;
}

module.exports = { INTERRUPTED, untilInterrupted };
