'use strict';

// The source of allocations by a site('name'): they all count for that name, wherever it is called.

const SOURCE = /^site\((.*)\)$/su;

const sourceOfSite = (name) => `site(${name})`;

/** The name in the source of a site('name'); undefined for any other source. */
const nameOfSource = (source) => SOURCE.exec(source)?.[1];

module.exports = { nameOfSource, sourceOfSite };
