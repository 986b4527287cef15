/**
 * Writes static/client/bundle.js: the client library in one file, made small, with the map back to its modules beside it.
 *
 *     node tests/javascript/bundle.js [where]
 *
 * The page doesn't use it: it is for pages elsewhere and for who wants one file.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = fileURLToPath(new URL("../../static/client", import.meta.url));
const where = process.argv[2] ?? folder;
const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

await build({
  entryPoints: [join(folder, "client.js")],
  outfile: join(where, "bundle.js"),
  sourceRoot: "./",
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  sourcemap: "linked",
  sourcesContent: false, // the modules lie beside it
  logLevel: "warning",
  banner: { js: `/* ${name} ${version}, ${license} licence */` },
});
