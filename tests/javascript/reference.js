/**
 * Writes the tables of docs/client.md: what static/client/client.d.ts says of options, methods, events and values, and
 * what is to be done about each error. All else in that page is written by hand and stays.
 *
 *     node tests/javascript/reference.js [where]
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { ADVICE } from "../../static/client/advice.js";

/** @typedef {ts.ClassDeclaration | ts.InterfaceDeclaration | ts.TypeAliasDeclaration} Declared */
/** @typedef {ts.MethodDeclaration | ts.PropertyDeclaration | ts.AccessorDeclaration} Member */

/** @type {(path: string) => string} */
const place = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = place("docs/client.md");
const source = readFileSync(place("static/client/client.d.ts"), "utf8");
const tree = ts.createSourceFile("client.d.ts", source, ts.ScriptTarget.Latest, true);
/** @type {Map<string, Declared>} */
const declared = new Map();
for (const node of tree.statements) {
  const isType = ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
  if (isType && node.name) declared.set(node.name.text, node);
}

/** @type {(name: string) => Declared} */
function find(name) {
  const node = declared.get(name);
  assert(node, `client.d.ts has no ${name}`);
  return node;
}

const oneLine = (text = "") => text.replace(/\s+/g, " ").trim();
/** @type {(text: string | undefined) => string} */
const cell = (text) => oneLine(text).replaceAll("|", "\\|");
/** @type {(text: string) => string} */
const code = (text) => `\`${cell(text)}\``;
/** @type {(comment: ts.JSDoc["comment"]) => string} */
const words = (comment) => oneLine(ts.getTextOfJSDocComment(comment));
/** @type {(node: ts.Node) => string} */
const about = (node) => words(ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1)?.comment);
/** A type as people write it: TypeScript adds `undefined` to what may be left out. @type {(node: ts.Node | undefined) => string} */
const kind = (node) => oneLine(node?.getText()).replaceAll(" | undefined", "").replace("typeof globalThis.", "typeof ");
/** @type {(heads: string[], rows: string[][]) => string} */
const table = (heads, rows) =>
  [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** The fields of a type, those that it is put together from among them. @type {(type: ts.Node) => ts.PropertySignature[]} */
function fields(type) {
  if (ts.isTypeAliasDeclaration(type)) return fields(type.type);
  if (ts.isIntersectionTypeNode(type)) return type.types.flatMap(fields);
  if (ts.isTypeReferenceNode(type)) return fieldsOf(type.typeName.getText());
  if (ts.isTypeLiteralNode(type)) return type.members.filter(ts.isPropertySignature);
  assert(ts.isInterfaceDeclaration(type));
  const above = (type.heritageClauses ?? []).flatMap(({ types }) => [...types]);
  return [...type.members.filter(ts.isPropertySignature), ...above.flatMap(({ expression }) => fieldsOf(expression.getText()))];
}
/** @type {(name: string) => ts.PropertySignature[]} */
const fieldsOf = (name) => fields(find(name));

/** @type {(field: ts.PropertySignature) => string[]} */
const row = (field) => {
  const name = `${field.name.getText()}${field.questionToken ? "?" : ""}`;
  return [code(name), code(kind(field.type)), cell(about(field))];
};

/** @type {(node: ts.ClassElement) => node is Member} */
const isMember = (node) => ts.isMethodDeclaration(node) || ts.isPropertyDeclaration(node) || ts.isAccessor(node);
/** @type {(node: Member) => boolean} */
const isPrivate = (node) =>
  ts.isPrivateIdentifier(node.name) || (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private) !== 0;

/** Methods and properties of a class and of what it extends, its own first. @type {(name: string, known?: Set<string>) => Member[]} */
function members(name, known = new Set()) {
  const node = find(name);
  assert(ts.isClassDeclaration(node));
  const own = node.members.filter(isMember).filter((one) => !isPrivate(one) && !known.has(one.name.getText()));
  const all = new Set([...known, ...own.map(({ name: its }) => its.getText())]);
  const base = node.heritageClauses?.[0]?.types[0].expression.getText();
  return [...own, ...(base && declared.has(base) ? members(base, all) : [])];
}

/** @type {(node: Member) => string[]} */
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
    assert(tag.typeExpression, `${name} throws something without a type`);
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
        const said = about(find(name));
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
