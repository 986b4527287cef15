/**
 * Writes static/vendor/: the libraries of others that the page loads, each one module, from the versions of the lock file.
 *
 *     node tests/javascript/vendor.js [where]
 *
 * static/vendor/README.md says what they are. What the page uses of a library is taken, and the rest left out.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const where = process.argv[2] ?? fileURLToPath(new URL("../../static/vendor", import.meta.url));

const versionOf = (name) => JSON.parse(readFileSync(join(FOLDER, "node_modules", name, "package.json"), "utf8")).version;

/**
 * One module of what is exported by these sources.
 * @param {{name: string, source: string, licence: string, plugins: import("esbuild").Plugin[]}} library
 */
async function vendor({ name, source, licence, plugins }) {
  await build({
    stdin: { contents: source, resolveDir: FOLDER },
    outfile: join(where, `${name}.js`),
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    logLevel: "warning",
    banner: { js: `/* ${name} ${versionOf(name)}, ${licence}; see README.md */` },
    plugins,
  });
}

/** Modules that are replaced by others, by what their path ends in. @type {(sources: [RegExp, string][]) => Plugin} */
const replaced = (sources) => ({
  name: "replaced",
  setup({ onResolve, onLoad }) {
    for (const [filter, contents] of sources) {
      onResolve({ filter }, ({ path, importer }) => ({ path: `${importer} ${path}`, namespace: filter.source }));
      onLoad({ filter: /.*/, namespace: filter.source }, () => ({ contents }));
    }
  },
});

// Of its rules those for quotes, lists, code in a line, emphasis and links. The characters that are marks are found by
// the browser's own tables, and entities (`&amp;`) stay what they are, so none of its dependencies is needed.
const NOT_BLOCKS = "table|code|fence|hr|reference|html_block|heading|lheading|paragraph";
const NOT_INLINE = "text|linkify|newline|escape|image|autolink|html_inline|entity";
await vendor({
  name: "markdown-it",
  licence: "MIT licence, Copyright (c) 2014 Vitaly Puzrin, Alex Kocharin",
  source: `
    export { default as ParserBlock } from "markdown-it/lib/parser_block.mjs";
    export { default as ParserInline } from "markdown-it/lib/parser_inline.mjs";
    export * as helpers from "markdown-it/lib/helpers/index.mjs";
  `,
  plugins: [
    replaced([
      [new RegExp(`rules_(block/(${NOT_BLOCKS})|inline/(${NOT_INLINE}))\\.mjs$`), "export default () => false;"],
      [/^entities$/, "export const decodeHTML = (text) => text;"],
      [/^uc\.micro$/, "export const P = /\\p{P}/u, S = /\\p{S}/u;"],
      [/^mdurl$/, "export {};"],
    ]),
  ],
});
