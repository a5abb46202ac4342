// Bundles every pages/*.js into ../static/careline/js and writes manifest.json: which sources each bundle was made from.
// A test compares the manifest with the sources, so that a stale bundle is seen on a machine without Node.
//
//   npm ci && node build.mjs           build and write
//   node build.mjs --check             build and compare with what is committed
//
// A page's entry is pages/NAME.js; what pages share are the modules beside this file.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "../static/careline/js");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

function walk(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((item) => item.name !== "node_modules")
    .flatMap((item) => (item.isDirectory() ? walk(join(folder, item.name)) : [join(folder, item.name)]))
    .filter((path) => path.endsWith(".js"))
    .sort();
}

// Every package whose code ends up in a bundle; those that publish no licence file are named here with their holders.
const MIT = readFileSync(join(here, "mit.txt"), "utf8").trim();
const HOLDERS = {
  "@alpinejs/csp": "Copyright (c) 2019-present Caleb Porzio and contributors",
  "@vue/reactivity": "Copyright (c) 2018-present Yuxi (Evan) You and Vue contributors",
  "@vue/shared": "Copyright (c) 2018-present Yuxi (Evan) You and Vue contributors",
};

function licences(inputs) {
  const names = new Set(Object.keys(inputs).map((path) => path.match(/.*node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean));
  if (names.has("@alpinejs/csp")) ["@vue/reactivity", "@vue/shared"].forEach((name) => names.add(name)); // inside its file
  return [...names]
    .sort()
    .map((name) => {
      if (HOLDERS[name]) return `${name}\n\n${HOLDERS[name]}\n\n${MIT}\n`;
      const folder = join(here, "node_modules", name);
      const file = readdirSync(folder).find((item) => /^licen[sc]e/i.test(item));
      return `${name}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
    })
    .join("\n----\n\n");
}

const entries = readdirSync(join(here, "pages")).filter((name) => name.endsWith(".js")).sort();
const made = await build({
  entryPoints: entries.map((name) => join(here, "pages", name)),
  outdir: out,
  bundle: true,
  format: "iife",
  target: ["es2022"],
  minify: true,
  legalComments: "none",
  charset: "utf8",
  write: false,
  metafile: true,
  logLevel: "warning",
});

const files = new Map(made.outputFiles.map((file) => [relative(out, file.path), Buffer.from(file.contents)]));
files.set("LICENCES.txt", Buffer.from(licences(made.metafile.inputs)));
const sources = [...walk(here), join(here, "build.mjs"), join(here, "package.json"), join(here, "package-lock.json")];
const manifest = {
  sources: Object.fromEntries(sources.map((path) => [relative(here, path), sha256(readFileSync(path))])),
  bundles: Object.fromEntries([...files].sort().map(([name, bytes]) => [name, sha256(bytes)])),
};
files.set("manifest.json", Buffer.from(JSON.stringify(manifest, null, 2) + "\n"));

if (process.argv.includes("--check")) {
  const stale = [...files].filter(([name, bytes]) => {
    try {
      return !readFileSync(join(out, name)).equals(bytes);
    } catch {
      return true;
    }
  });
  if (stale.length) {
    console.error(`Not what the sources make: ${stale.map(([name]) => name).join(", ")}. Run: node build.mjs`);
    process.exit(1);
  }
} else {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  for (const [name, bytes] of files) {
    writeFileSync(join(out, name), bytes);
    console.log(`${name.padEnd(16)} ${(bytes.length / 1024).toFixed(1)} KiB`);
  }
}
