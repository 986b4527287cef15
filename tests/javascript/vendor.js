/**
 * Writes static/vendor/: the libraries of others that the page loads, each one module, from the versions of the lock file.
 *
 *     node tests/javascript/vendor.js [where]
 *
 * static/vendor/README.md says what they are. What the page uses of a library is taken, and the rest left out.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
/** @import { Emoji, ShortcodesDataset } from "emojibase" */
/** @import { Plugin } from "esbuild" */

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const where = process.argv[2] ?? fileURLToPath(new URL("../../static/vendor", import.meta.url));

/** @type {(name: string) => string} */
const versionOf = (name) => JSON.parse(readFileSync(join(FOLDER, "node_modules", name, "package.json"), "utf8")).version;

/**
 * One module of what is exported by these sources.
 * @param {{name: string, source: string, licence: string, plugins: Plugin[]}} library
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

// All emoji but parts of others (letters for flags, skin tones, hair), in Unicode's order. A line of the table is an emoji,
// its name, its short codes (those that GitHub and Slack know first) and further words to find it by, between tabs; "~"
// before it says that it has skin tones. "#" begins a group, and "@" a version of Unicode's for what follows.
const TAGS = 6; // further words
const TONES = ["", "\u{1F3FB}", "\u{1F3FC}", "\u{1F3FD}", "\u{1F3FE}", "\u{1F3FF}"];
const PARTS = 2; // the group of parts

/** As codeOf of static/page/emoji.js has it: a name that is written as a short code need not stand there twice. @type {(label: string) => string} */
const codeOf = (label) => label.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_");

/** As withTone of static/page/emoji.js has it. @type {(emoji: string, tone: number) => string} */
const withTone = (emoji, tone) =>
  emoji.replace(/(?!\u{1F91D}\u200D)(\p{Emoji_Modifier_Base})\uFE0F?/gu, `$1${TONES[tone]}`);

/** @type {(language: string) => string} */
function emojiTable(language) {
  /** @type {(file: string) => unknown} */
  const read = (file) => JSON.parse(readFileSync(join(FOLDER, "node_modules/emojibase-data", file), "utf8"));
  const sets = ["github", "iamcal", "emojibase"].map((set) => read(`${language}/shortcodes/${set}.json`));
  const codes = /** @type {ShortcodesDataset[]} */ (sets);
  const { groups } = /** @type {{ groups: Record<number, string> }} */ (read("meta/groups.json"));
  const emojis = /** @type {Emoji[]} */ (read(`${language}/data.json`));
  const all = emojis.filter(({ group = PARTS }) => group !== PARTS);
  const lines = [];
  let [begun, since] = [PARTS, 0];
  all.sort((one, other) => (one.order ?? 0) - (other.order ?? 0));
  for (const { emoji: written, hexcode, label, group = PARTS, version, tags = [], skins = [] } of all) {
    const emoji = written.replace(/(\p{Emoji_Presentation})\uFE0F/gu, "$1"); // as Unicode's list has it
    if (group !== begun) lines.push(`#${groups[(begun = group)]}`);
    if (Math.max(version, OLDEST) !== since) lines.push(`@${(since = Math.max(version, OLDEST))}`);
    for (const { emoji: toned, tone } of skins) {
      const isOurs = typeof tone !== "number" || withTone(emoji, tone) === toned;
      if (!isOurs) throw new Error(`${emoji} has other skin tones than we make`);
    }
    const known = codes.flatMap((set) => set[hexcode] ?? []).map((code) => code.replaceAll("-", "_"));
    const short = [...new Set(known)].filter((code) => code !== codeOf(label));
    const said = new Set([label, ...short].join(" ").split(/[\s_]+/));
    const further = tags.filter((tag) => !said.has(tag)).slice(0, TAGS);
    lines.push([`${skins.length > 0 ? "~" : ""}${emoji}`, label, short.join(" "), further.join(" ")].join("\t"));
  }
  return lines.join("\n");
}

const OLDEST = 12; // of Unicode's versions that are told apart: systems without the emoji of 2019 are gone
const licence = "MIT licence, Copyright (c) 2017-2019 Miles Johnson";
const about = `/* emojibase-data ${versionOf("emojibase-data")}, ${licence}; see README.md */`;
const table = emojiTable("en").replace(/[\\`$]/g, "\\$&");
writeFileSync(join(where, "emoji-en.js"), `${about}\nexport const table = \`${table}\`;\n`);
