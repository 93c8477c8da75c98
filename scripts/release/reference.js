'use strict';

// The reference of the package, docs/reference/api/: a page for each file of types/ that index.d.ts
// exports, and for each entry point with functions, made of declarations and their comments when a
// release is staged. The clone has the types themselves, so committed documents do not link to
// these pages.

const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript-5.4');
const { PAGES, pageOf } = require('./links.js');

const CODED = /(```[\s\S]*?```|^#.*|`[^`\n]+`)/m; // in which nothing is a link
const ERROR = /\bERR_RALLOC_[A-Z_]+\b/g;

const escaped = (text) =>
  text
    .replaceAll('|', '\\|')
    .replace(/\s*\n\s*/g, ' ')
    .trim();

/** The comment of a declaration: `{ about, tags }`, where a tag is `[name, text]`. */
function commentOf(node) {
  const [comment] = (node.jsDoc ?? []).slice(-1);
  const textOf = (one) => ts.getTextOfJSDocComment(one?.comment) ?? '';
  const tags = (comment?.tags ?? []).map((tag) => [tag.tagName.text, textOf(tag)]);
  return { about: textOf(comment), tags };
}

const LABELS = {
  throws: 'Throws',
  returns: 'Returns',
  default: 'Default:',
  deprecated: 'Deprecated:',
};

const paragraphs = ({ about, tags }) =>
  [
    about,
    ...tags.map(([name, text]) => `${LABELS[name] ?? name} ${name === 'param' ? '' : text}`.trim()),
  ].filter((text) => text !== '');

class Page {
  #source;
  #printer = ts.createPrinter({ removeComments: true });

  constructor(file, text) {
    this.#source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  }

  /** A declaration as code, without its comments. */
  #code(node) {
    return this.#printer.printNode(ts.EmitHint.Unspecified, node, this.#source);
  }

  #fields(members) {
    const rows = members.map((member) => {
      const comment = commentOf(member);
      const type = escaped(this.#code(member.type)).replace(/ \\\| undefined$/, '');
      const own = comment.tags.find(([name]) => name === 'default')?.[1] ?? '';
      const rest = { ...comment, tags: comment.tags.filter(([name]) => name !== 'default') };
      const isPlain = own !== '' && !own.includes('`');
      const value = isPlain ? `\`${escaped(own)}\`` : escaped(own);
      const cells = [`\`${member.name.getText()}\``, `\`${type}\``, value];
      return `| ${[...cells, escaped(paragraphs(rest).join(' '))].join(' | ')} |`;
    });
    return rows.length > 0
      ? [['| | type | default | |', '|---|---|---|---|', ...rows].join('\n')]
      : [];
  }

  #member(member) {
    const code = this.#code(member).replace(/;$/, '').replace(/\s+/g, ' ');
    return [`### \`${code}\``, ...paragraphs(commentOf(member))];
  }

  #declaration(node) {
    const members = [...(node.members ?? [])];
    const isField = (one) => ts.isPropertySignature(one) || ts.isPropertyDeclaration(one);
    const fields = members.filter((one) => isField(one) && one.type !== undefined);
    const others = members.filter((one) => !fields.includes(one));
    const kind = ts.isInterfaceDeclaration(node) ? 'interface' : 'class';
    return [
      `## ${kind} ${node.name.text}`,
      ...paragraphs(commentOf(node)),
      ...this.#fields(fields),
      ...others.flatMap((one) => this.#member(one)),
    ];
  }

  #other(node) {
    const name = node.name?.text ?? node.declarationList?.declarations[0].name.getText();
    const code = this.#code(node).replace(/^export (declare )?/, '');
    return [`## ${name}`, `\`\`\`ts\n${code}\n\`\`\``, ...paragraphs(commentOf(node))];
  }

  get markdown() {
    const { statements } = this.#source;
    const [head] = /^\/\/.*(?:\n\/\/.*)*/.exec(this.#source.text) ?? [''];
    const isExported = (node) =>
      node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true;
    const parts = statements
      .filter((node) => isExported(node) && !ts.isExportDeclaration(node))
      .flatMap((node) => {
        const hasMembers = ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node);
        return hasMembers ? this.#declaration(node) : this.#other(node);
      });
    const title = path.basename(this.#source.fileName, '.d.ts');
    return [`# ${title}`, head.replace(/^\/\/ ?/gm, ''), ...parts].filter(Boolean).join('\n\n');
  }
}

/** Every page: its name, from the folder of the package, and its content. */
function reference(root) {
  const known = fs.readFileSync(path.join(root, 'docs/reference/errors.md'), 'utf8');
  const link = (code, text) =>
    known.includes(`### \`${code}\`\n`) ? `[${text}](../errors.md#${code.toLowerCase()})` : text;
  const linked = (text) =>
    text
      .split(CODED)
      .map((part, index) => {
        if (index % 2 === 0) return part.replace(ERROR, (code) => link(code, `\`${code}\``));
        return /^`\w+`$/.test(part) ? link(part.slice(1, -1), part) : part;
      })
      .join('');
  return PAGES.map((name) => {
    const file = `types/${name}.d.ts`;
    const { markdown } = new Page(file, fs.readFileSync(path.join(root, file), 'utf8'));
    return [pageOf(file), `${linked(markdown)}\n`];
  });
}

module.exports = { reference };
