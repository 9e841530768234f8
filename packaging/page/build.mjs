// Makes the page one text, without anything to load, and writes it as a header: `npm ci && npm run build`.
import { build } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const here = new URL(".", import.meta.url);
const read = (path) => readFile(new URL(path, here), "utf8");

const bundle = async (entry) => {
  const made = await build({
    entryPoints: [new URL(entry, here).pathname],
    bundle: true, minify: true, write: false, format: "esm", target: "es2022", charset: "utf8",
    jsx: "automatic", jsxImportSource: "preact", legalComments: "none",
  });
  return made.outputFiles[0].text.trim();
};
const style = (await bundle("src/style.css")) + (await bundle("node_modules/uplot/dist/uPlot.min.css"));
const script = await bundle("src/app.tsx");
if (script.includes("</script")) throw new Error("the script would end in its middle");
// Their licence asks that it stays with them, in every copy.
const licences = await Promise.all(
  ["preact", "uplot"].map(async (name) => `${name}: ${(await read(`node_modules/${name}/LICENSE`)).trim()}`),
);
if (licences.some((text) => text.includes("--"))) throw new Error("a licence would end its comment");
const page = (await read("src/page.html")).replace("<!--licences-->", () => `<!--\n${licences.join("\n\n")}\n-->`).replace("/*style*/", () => style).replace("/*script*/", () => script);

// A literal may be no longer than 16 KiB for every compiler.
const pieces = [];
let piece = "";
for (const character of page) {
  piece += character;
  if (Buffer.byteLength(piece) > 15_000) pieces.push(piece), (piece = "");
}
if (piece) pieces.push(piece);
const literal = (text) => `R"cairn(${text})cairn"`;
if (page.includes(')cairn"')) throw new Error("the literals need another delimiter");

await writeFile(
  new URL("../../include/cairn/serve/page.hpp", here),
  `// SPDX-License-Identifier: MIT
#pragma once
// The page that shows runs, as one HTML text. Made by packaging/page/build.mjs, not to be changed here.
// It has Preact (MIT, Jason Miller and others) and uPlot (MIT, Leon Sorokin) in it.

#include <cairn/config.hpp>

#include <string_view>

// clang-format off
namespace CAIRN_NAMESPACE::detail {

/// The page, piece by piece: no compiler has to take a longer literal.
inline constexpr std::string_view page[] = {
${pieces.map((text) => `    ${literal(text)},`).join("\n")}
};

}  // namespace CAIRN_NAMESPACE::detail
// clang-format on
`,
);
console.log(`page: ${page.length} characters, ${gzipSync(page, { level: 9 }).length} bytes gzipped, ${pieces.length} pieces`);
