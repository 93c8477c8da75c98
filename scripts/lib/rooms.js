'use strict';

// What a run's results say of the folders of tests.

/** `arena`, or `tools/recorder`. */
function roomOf(file) {
  const [, top, name] = file.split('/');
  return top === 'tools' ? `${top}/${name}` : top;
}

const roomsOf = (files) => [...new Set(files.map(roomOf))];

const sum = (results, count) => results.reduce((total, one) => total + count(one), 0);

const failedIn = (result) => result.failures.length;

/** A line for each folder of the files in `results`; `more` ends it, from the folder's results. */
function printRooms(results, more = () => '') {
  for (const room of roomsOf([...results.keys()])) {
    const own = [...results].filter(([file]) => roomOf(file) === room).map(([, result]) => result);
    const [passed, failed] = [sum(own, (one) => one.passed), sum(own, failedIn)];
    const verdict = failed === 0 ? 'ok  ' : 'FAIL';
    console.log(
      `${verdict} ${room}: ${passed} passed, ${failed} failed in ${own.length} files${more(own)}`,
    );
  }
}

module.exports = { failedIn, printRooms, roomOf, roomsOf, sum };
