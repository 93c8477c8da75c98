'use strict';

// Which lines of Node.js are LTS and until when: npm does not tell. As the release schedule stood on AS_OF;
// a line that is not here is newer than this table, or long past its end of life.

const AS_OF = '2026-11-21';

const LINES = [
  { major: 18, lts: '2022-10-25', end: '2025-04-30' },
  { major: 20, lts: '2023-10-24', end: '2026-04-30' },
  { major: 22, lts: '2024-10-29', end: '2027-04-30' },
  { major: 24, lts: '2025-10-28', end: '2028-04-30' },
  { major: 26, lts: '2026-10-28', end: '2029-04-30' },
];

/** The majors that are LTS on a day ('YYYY-MM-DD'), the newest first; later than the table reaches, its newest. */
function ltsOn(day) {
  const lines = LINES.filter(({ lts, end }) => lts <= day && day <= end);
  return (lines.length > 0 ? lines : LINES.slice(-1)).map(({ major }) => major).reverse();
}

/** Why a major is not the one to judge by on that day; null when it is one of the two newest LTS lines. */
function objection(major, day) {
  if (ltsOn(day).slice(0, 2).includes(major)) return null;
  const line = LINES.find((one) => one.major === major);
  if (line === undefined) return major > LINES.at(-1).major ? 'is not LTS yet' : 'is not LTS';
  if (day > line.end) return `is past its end of life (${line.end})`;
  return day < line.lts
    ? `is not LTS before ${line.lts}`
    : 'is not one of the two newest LTS lines';
}

const today = () => new Date().toISOString().slice(0, 10);

module.exports = { AS_OF, LINES, ltsOn, objection, today };
