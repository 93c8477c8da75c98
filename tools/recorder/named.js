'use strict';

// The source of what a site('name') allocates: all that it does is of that name, wherever it is called.

const SOURCE = /^site\((.*)\)$/su;

const sourceOfSite = (name) => `site(${name})`;

/** The name of the site that a source is of; undefined for any other source. */
const nameOfSource = (source) => SOURCE.exec(source)?.[1];

module.exports = { nameOfSource, sourceOfSite };
