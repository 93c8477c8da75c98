'use strict';

const bake = ['tools/placement/bake.test.js'];
const rules = ['tools/placement/apply/rules.test.js'];
const others = ['tools/placement/apply/files.test.js'];
const given = ['tools/placement/apply/given-away.test.js'];
const input = ['tools/cli/apply-input.test.js'];
const early = ['tools/placement/apply/early.test.js'];
const style = ['tools/placement/apply/style.test.js'];
const command = ['tools/cli/apply.test.js'];

module.exports = [
  {
    file: 'auto/source/calls.js',
    tests: rules,
    mutants: {
      'a file that must not is changed': ['return this.fault ?? ', 'return ', { tests: others }],
      'calls with a question mark': ['callee.optional || node.optional || ', ''],
      'lines of listeners are changed': [
        'if (listened > MOST_LISTENED) {',
        'if (false) {',
        { tests: bake },
      ],
      'other names are as good': [
        'if (/^[^.]*$/.test(callee)) return',
        'if (false) return',
        { tests: bake },
      ],
      'any method is one': ['METHODS.has(name) ?', 'true ?'],
    },
  },
  {
    file: 'auto/source/names.js',
    tests: others,
    mutants: {
      'parameters hide nothing': ['...params.flatMap(namesIn)]', ']'],
    },
  },
  {
    file: 'auto/source/hazards.js',
    tests: others,
    mutants: {
      'Buffer of any module': [
        'const ofNode = ({ imported, from }) => /^(node:)?buffer$/.test(from) &&',
        'const ofNode = ({ imported }) =>',
      ],
      'any name of the module is Buffer': [" && imported === 'Buffer';", ';'],
      'Buffer may be changed': ['if (changes(node)) return', 'if (false) return'],
      'eval() hides nothing': ["node.callee.name === 'eval'", 'false'],
      'who reads .buffer': ["new Set(['buffer', 'byteOffset'])", "new Set(['byteOffset'])"],
      'patterns read nothing': ['return isBehind && ', 'return false && '],
      'Buffer may be given away': [
        'if (!isValue(node, source, known)) continue;',
        'continue;',
        { tests: given },
      ],
      'another name is not Buffer': [
        'if (alias !== undefined) return',
        'if (false) return',
        { tests: given },
      ],
      'who compares may change': ['COMPARES.has(operator)', 'false', { tests: given }],
      'patterns change nothing': [
        'PARTS[pattern.type]?.(pattern) ?? [pattern]',
        '[pattern]',
        { tests: given },
      ],
      'Buffer of an object is another one': [
        "propertyOf(node) === 'Buffer');\n\nconst TARGETS",
        'false);\n\nconst TARGETS',
        { tests: given },
      ],
      'nobody sets Buffer': ['SETTERS.test(calledName(node)) && ', 'false && ', { tests: given }],
      'what is left out of a pattern': [
        "id.properties.every(({ type }) => type === 'Property')",
        'true',
        { tests: given },
      ],
      'who reads by Reflect': [
        'if (BEHIND.has(key)) return',
        'if (false) return',
        { tests: given },
      ],
      'parents of all objects': [
        'const isMade = made.has(node.object.name) ||',
        'const isMade = true ||',
        { tests: given },
      ],
      'parents of no Buffer': ['made.add(to.name)', 'made', { tests: given }],
      'who clones': [
        'if (/^(postMessage|structuredClone)$/.test(name)) return',
        'if (false) return',
      ],
    },
  },
  {
    file: 'tools/placement/apply/plan.js',
    tests: style,
    mutants: {
      'what is known too late is used': [' && statement === first', '', { tests: early }],
      'what is assigned stays': ['names.isFixed(id.name)', 'true', { tests: early }],
    },
  },
  {
    file: 'auto/source/sites.js',
    tests: style,
    mutants: {
      'what was changed before is changed again': [
        "text === 'Buffer') return undefined;",
        "text === 'Buffer') return offset;",
      ],
      'one way to write an import': [
        'if (isSame) return { source, edits, isSame };',
        'return first;',
      ],
      'calls of several lines are changed again': ['(?=\\\\s*\\\\.)', '(?=\\\\.)'],
      'places that were changed by hand': ['!isThere(site)', 'false', { tests: input }],
      'lines are not followed': [
        'isSame ? site : site.fingerprint && follow(site, source)',
        'isSame ? site : undefined',
        { tests: command },
      ],
    },
  },
  {
    file: 'auto/proofs.js',
    tests: input,
    mutants: {
      'a proof of few samples': ['samples < PROOF_SAMPLES || ', ''],
      'a proof with exceptions': [' || exceptions > 0', ''],
    },
  },
  {
    file: 'tools/placement/apply/plan.js',
    tests: command,
    mutants: {
      'packages are changed': ['owner !== undefined && !packages.includes(owner)', 'false'],
      'files outside are changed': ['return isOutside(name) ? ', 'return false ? '],
      'few samples are changed': ["if (certainty === 'proved')", 'if (true)', { tests: rules }],
      'what the options leave is changed': [
        'whyByOptions(site, options) ?? ',
        '',
        { tests: rules },
      ],
      'what a compiler made is changed': ['GENERATED.test(text) ? ', 'false ? ', { tests: rules }],
      'a place that is told twice': ['[one.offset, one]', '[one, one]', { tests: input }],
      'a line that is lost is no matter': [
        "isProved(site) ? 'faults'",
        "false ? 'faults'",
        { tests: input },
      ],
      'a file that is lost is no matter': [
        'if (isFault && sites.some(isProved))',
        'if (false)',
        { tests: input },
      ],
      'any file is changed': ['sites.length === 0 || !isWanted', 'sites.length === 0'],
    },
  },
];
