/**
 * Writes the tables of docs/client.md: what static/client/client.d.ts says of options, methods, events and values, and
 * what is to be done about each error. All else in that page is written by hand and stays.
 *
 *     node tests/javascript/reference.js [where]
 */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { ADVICE } from "../../static/client/advice.js";

const place = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = place("docs/client.md");
const source = readFileSync(place("static/client/client.d.ts"), "utf8");
const tree = ts.createSourceFile("client.d.ts", source, ts.ScriptTarget.Latest, true);
const declared = new Map(tree.statements.filter(({ name }) => name).map((node) => [node.name.text, node]));

const oneLine = (text = "") => text.replace(/\s+/g, " ").trim();
const cell = (text) => oneLine(text).replaceAll("|", "\\|");
const code = (text) => `\`${cell(text)}\``;
const words = (comment) => oneLine(ts.getTextOfJSDocComment(comment));
const about = (node) => words(node.jsDoc?.at(-1)?.comment);
/** A type as people write it: TypeScript adds `undefined` to what may be left out. */
const kind = (node) => oneLine(node?.getText()).replaceAll(" | undefined", "").replace("typeof globalThis.", "typeof ");
const table = (heads, rows) =>
  [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** The fields of a type, those that it is put together from among them. */
function fields(type) {
  if (ts.isIntersectionTypeNode(type)) return type.types.flatMap(fields);
  if (ts.isTypeReferenceNode(type)) return fieldsOf(type.typeName.text);
  const above = (type.heritageClauses ?? []).flatMap(({ types }) => types);
  return [...type.members, ...above.flatMap(({ expression }) => fieldsOf(expression.text))];
}
const fieldsOf = (name) => {
  const node = declared.get(name);
  return fields(node.type ?? node);
};

const row = (field) => {
  const name = `${field.name.getText()}${field.questionToken ? "?" : ""}`;
  return [code(name), code(kind(field.type)), cell(about(field))];
};

/** Methods and properties of a class and of what it extends, its own first. */
function members(name, known = new Set()) {
  const node = declared.get(name);
  const isPrivate = (one) => ts.isPrivateIdentifier(one.name) || one.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
  const own = node.members.filter((one) => one.name && !isPrivate(one) && !known.has(one.name.text));
  const all = new Set([...known, ...own.map(({ name: its }) => its.text)]);
  const base = node.heritageClauses?.[0]?.types[0].expression.text;
  return [...own, ...(base && declared.has(base) ? members(base, all) : [])];
}

function member(node) {
  const name = node.name.getText();
  const returned = words(ts.getJSDocReturnTag(node)?.comment);
  if (!ts.isMethodDeclaration(node)) {
    const said = [about(node), words(ts.getJSDocTypeTag(node)?.comment), returned].find(Boolean);
    return [code(name), code(kind(node.type)), cell(said)];
  }
  const tags = ts.getJSDocTags(node);
  const given = node.parameters.map((one) => one.name.getText() + (one.questionToken ? "?" : ""));
  const parameters = tags.filter(ts.isJSDocParameterTag).map((tag) => [tag.name.getText(), words(tag.comment)]);
  const throws = tags.filter(ts.isJSDocThrowsTag).map((tag) => {
    return `${code(tag.typeExpression.type.getText())} ${words(tag.comment)}`.trim();
  });
  const sentences = [
    about(node),
    ...parameters.filter(([, text]) => text).map(([its, text]) => `${code(its)}: ${text}.`),
    returned && `Gives ${returned.replace(/\.$/, "")}.`,
    throws.length > 0 && `Throws ${throws.join("; ")}.`,
  ];
  return [code(`${name}(${given.join(", ")})`), code(kind(node.type)), cell(sentences.filter(Boolean).join(" "))];
}

const parts = {
  options: () => table(["option", "type", "what"], fieldsOf("ChatOptions").map(row)),
  members: () => table(["of a chat", "type", "what"], members("Chat").map(member)),
  events: () => table(["event", "value", "when, and what it says"], fieldsOf("ChatEvents").map(row)),
  errors: () => table(["code", "way out"], Object.entries(ADVICE).map(([name, advice]) => [code(name), cell(advice)])),
  values: () =>
    ["JoinedRoom", "Sending", "Stored", "Message", "LinkState", "Gap", "Hold", "Refusal"]
      .map((name) => {
        const said = about(declared.get(name));
        return `${code(name)}${said && `: ${said}`}\n\n${table(["field", "type", "what"], fieldsOf(name).map(row))}`;
      })
      .join("\n\n"),
};
let text = readFileSync(page, "utf8");
for (const [name, make] of Object.entries(parts)) {
  const whole = new RegExp(`(<!-- ${name}: from the types -->\n)[^]*?(\n<!-- end -->)`);
  if (!whole.test(text)) throw new Error(`docs/client.md has no place for its ${name}`);
  text = text.replace(whole, (_, before, after) => `${before}\n${make()}\n${after}`);
}
writeFileSync(process.argv[2] ?? page, text);
