// Builds the console into static/: one script, one style sheet, an icon, and the page that names them.
// Names have a hash of the content, so that browsers keep the files for ever. Each file has a compressed twin.
// All of it together has a size limit: a page that someone opens on call must load at once.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import * as esbuild from "esbuild";

const COMPRESSED_BYTES_MAX = 60_000;

const here = dirname(fileURLToPath(import.meta.url));
const into = join(here, "static");

const { outputFiles } = await esbuild.build({
  entryPoints: { console: join(here, "src/main.tsx"), style: join(here, "src/style.css") },
  outdir: into,
  bundle: true,
  minify: true,
  write: false,
  format: "esm",
  target: ["es2022", "chrome123", "firefox125", "safari17.5"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  logLevel: "warning",
});
const icon = await readFile(join(here, "src/icon.svg"));

const files = new Map();
for (const { path, contents } of outputFiles) {
  const name = path.endsWith(".js") ? "console.js" : "style.css";
  files.set(name, { name: hashed(name, contents), contents });
}
files.set("icon.svg", { name: hashed("icon.svg", icon), contents: icon });

let page = await readFile(join(here, "src/index.html"), "utf8");
for (const [plain, { name }] of files) page = page.replace(`"${plain}"`, `"${name}"`);
files.set("index.html", { name: "index.html", contents: Buffer.from(page) });

await mkdir(into, { recursive: true });
for (const old of await readdir(into)) await rm(join(into, old));
let total = 0;
for (const { name, contents } of files.values()) {
  const compressed = gzipSync(contents, { level: 9 });
  total += compressed.length;
  await writeFile(join(into, name), contents);
  await writeFile(join(into, `${name}.gz`), compressed);
}
console.log(`Console: exporter/console/static, ${total.toLocaleString("en")} bytes compressed`);
if (total > COMPRESSED_BYTES_MAX) {
  console.error(`error: more than ${COMPRESSED_BYTES_MAX.toLocaleString("en")} bytes: leave something out`);
  process.exit(1);
}

function hashed(name, contents) {
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 8).toUpperCase();
  const dot = name.lastIndexOf(".");
  return `${name.slice(0, dot)}-${hash}${name.slice(dot)}`;
}
