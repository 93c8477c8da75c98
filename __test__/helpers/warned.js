'use strict';

/** The warnings from now on, until the test is over: those of `code`, if it is given, with `text` in their message. */
function warned(t, code, text = '') {
  const heard = [];
  const listener = (warning) => {
    if (warning.code !== (code ?? warning.code) || !warning.message.includes(text)) return;
    heard.push(warning);
  };
  process.on('warning', listener);
  t.teardown(() => process.off('warning', listener));
  return heard;
}

module.exports = { warned };
