/**
 * Writes static/client/client.d.ts: what TypeScript makes of client.js and of what it imports, in one file that needs no other.
 *
 *     node tests/javascript/declarations.js [where]
 *
 * TypeScript writes one file of declarations for each module. Here they are one after another without their imports,
 * and without those that nothing in client.js's own names refers to.
 */

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const client = fileURLToPath(new URL("../../static/client/client.js", import.meta.url));
const written = client.replace(/js$/, "d.ts");
const HEAD = `/**
 * The types of client.js, for TypeScript. Generated: after a change of client.js, or of what it imports, run
 * \`node tests/javascript/declarations.js\`.
 */
`;

/** The declarations of client.js and all it imports, a file each. */
function emitted() {
  const configuration = fileURLToPath(new URL("tsconfig.json", import.meta.url));
  const { compilerOptions } = ts.readConfigFile(configuration, ts.sys.readFile).config;
  const { options } = ts.convertCompilerOptionsFromJson(compilerOptions, fileURLToPath(new URL(".", import.meta.url)));
  const host = ts.createCompilerHost(options);
  // What was written before must not stand for client.js.
  host.fileExists = (file) => file !== written && ts.sys.fileExists(file);
  const declarations = { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true };
  const program = ts.createProgram([client], declarations, host);
  /** @type {Map<string, string>} */
  const files = new Map();
  program.emit(undefined, (file, text) => files.set(file, text));
  const inWords = program.getSourceFiles().filter((file) => file.isDeclarationFile && !program.isSourceFileDefaultLibrary(file));
  for (const { fileName, text } of inWords) files.set(fileName, text);
  return files;
}

/** The one name that a statement declares. @type {(node: ts.Statement) => string} */
function declared(node) {
  const [one] = ts.isVariableStatement(node) ? node.declarationList.declarations : [node];
  const name = ts.getNameOfDeclaration(/** @type {ts.Declaration} */ (one));
  if (!name || !ts.isIdentifier(name)) throw new Error(`no name is declared: ${node.getText()}`);
  return name.text;
}

/** Every declaration by its name, and the names that client.js exports. @type {(files: Map<string, string>) => { found: Map<string, ts.Statement>, exported: string[] }} */
function read(files) {
  const found = new Map();
  const exported = [];
  for (const [file, text] of files) {
    for (const node of ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true).statements) {
      if (ts.isImportDeclaration(node)) continue;
      if (ts.isExportDeclaration(node)) {
        const { exportClause: names } = node;
        if (file === written && names && ts.isNamedExports(names)) exported.push(...names.elements.map(({ name }) => name.text));
        continue;
      }
      const name = declared(node);
      if (found.has(name)) throw new Error(`${name} is declared twice: there is one file for all`);
      found.set(name, node);
      if (file === written) exported.push(name);
    }
  }
  return { found, exported };
}

/** The names, and all that their declarations refer to. @type {(found: Map<string, ts.Statement>, names: string[]) => Set<string>} */
function reachable(found, names) {
  const reached = new Set();
  /** @type {(node: ts.Node) => void} */
  const visit = (node) => {
    if (ts.isImportTypeNode(node)) throw new Error(`name this type by @import: ${node.getText()}`);
    if (ts.isIdentifier(node)) reach(node.text);
    ts.forEachChild(node, visit);
  };
  /** @type {(name: string) => void} */
  const reach = (name) => {
    const node = found.get(name);
    if (!node || reached.has(name)) return;
    reached.add(name);
    ts.forEachChild(node, visit);
  };
  names.forEach(reach);
  return reached;
}

/** A declaration with the comment right above it; comments for the module, its imports and its types stay behind. @type {(node: ts.Statement) => string} */
function print(node) {
  const comment = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1)?.getText() ?? "";
  const text = node.getText().replace(/^(?!export )(declare )?/, "export ");
  return /@(module|import|typedef)\b/.test(comment) ? text : `${comment}\n${text}`.trim();
}

const { found, exported } = read(emitted());
const reached = reachable(found, exported);
const texts = [...found].filter(([name]) => reached.has(name)).map(([, node]) => print(node));
writeFileSync(process.argv[2] ?? written, `${[HEAD.trim(), ...texts].join("\n\n")}\n`);
