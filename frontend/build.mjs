// Builds the front end into src/furrow/common/static/dist. `node build.mjs [--watch]`, 1–2 s.
//
// In:  src/*.ts and src/css/app.css, icons.txt, the Tabler kit and icons from node_modules.
// Out: app.{js,css}, one file per page entry, icons.svg, favicon.svg, each also .gz and .br.

import { readFileSync, writeFileSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { brotliCompressSync, gzipSync, constants } from "node:zlib";
import { fileURLToPath } from "node:url";
import path from "node:path";
import * as esbuild from "esbuild";
import { PurgeCSS } from "purgecss";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, "../src/furrow/common/static/dist");

// The families of Tabler (Bootstrap 5.3) we offer: reset, grid, utilities, forms. Everything else
// on the screen is ours, in src/css. Keeping families, not scanned templates, makes the kit the
// same for everybody: a class that works on one page works on all.
const KEPT = new RegExp(
  "^(container(-fluid)?|row(-cols)?|col|g|gx|gy|offset|order|d|flex|justify|align|gap|m|p|[mp][xytbse]|w|h" +
    "|min|max|mw|mh|vw|vh|text|fw|fs|fst|lh|font|border|rounded|overflow|position|top|bottom|start" +
    "|end|translate|z|float|sticky|visually|vstack|hstack|stretched|ratio|list|opacity|object" +
    "|form|input|valid|invalid|was|has|is|btn|btn-check|placeholder|spinner|user|pe)(-|$)",
);
const DROPPED =
  /^(btn-(?!check)|form-(colorinput|imagecheck|fieldset|footer|selectgroup|switch-\d|select-button)|text-(bg|gradient)|border-(?!0|top|bottom|start|end)|placeholder-wave|list-group|input-icon|h-\d|w-\d)/;

const tablerSubset = {
  name: "tabler-subset",
  setup(build) {
    build.onLoad({ filter: /tabler\.css$/ }, async (args) => {
      const kept = (name) => KEPT.test(name) && !DROPPED.test(name);
      const css = readFileSync(args.path, "utf8");
      const names = [...new Set([...css.matchAll(/\.((?:\\.|[\w-])+)/g)].map((m) => m[1].replace(/\\/g, "")))];
      const [result] = await new PurgeCSS().purge({
        content: [{ raw: "html body a b p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table thead tbody tr th td caption form label input select textarea button fieldset legend svg img hr small strong em code pre kbd details summary dialog progress time address figure output ::file-selector-button", extension: "html" }],
        css: [{ raw: css }],
        safelist: { standard: names.filter(kept).concat([":root", "data-bs-theme"]), variables: [] },
        dynamicAttributes: ["type", "multiple", "size", "disabled", "readonly", "open", "dir", "lang", "data-bs-theme"],
        variables: true,
      });
      return { contents: result.css, loader: "css" };
    });
  },
};

function sprite() {
  const names = readFileSync(path.join(here, "icons.txt"), "utf8").split(/\s+/).filter(Boolean);
  const symbols = [...new Set(names)].sort().map((name) => {
    const filled = name.endsWith("-filled");
    const file = path.join(here, "node_modules/@tabler/icons/icons", filled ? "filled" : "outline", `${name.replace(/-filled$/, "")}.svg`);
    const svg = readFileSync(file, "utf8");
    const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    const shapes = body.replace(/\s*\n\s*/g, "").trim();
    const paint = filled ? 'fill="currentColor"' : 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"';
    return `<symbol id="${name}" viewBox="0 0 24 24"><g ${paint}>${shapes}</g></symbol>`;
  });
  writeFileSync(path.join(out, "icons.svg"), `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`);
}

function compress() {
  for (const name of readdirSync(out)) {
    if (!/\.(js|css|svg)$/.test(name)) continue;
    const raw = readFileSync(path.join(out, name));
    writeFileSync(path.join(out, `${name}.gz`), gzipSync(raw, { level: 9 }));
    writeFileSync(path.join(out, `${name}.br`), brotliCompressSync(raw, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  }
}

function report() {
  for (const name of readdirSync(out).filter((n) => /\.(js|css|svg)$/.test(n))) {
    const kb = (file) => (statSync(path.join(out, file)).size / 1000).toFixed(1).padStart(7);
    console.log(`${kb(name)} kB ${kb(`${name}.br`)} kB br  ${name}`);
  }
}

const finish = {
  name: "finish",
  setup(build) {
    build.onEnd((result) => {
      if (result.errors.length) return;
      sprite();
      writeFileSync(path.join(out, "favicon.svg"), readFileSync(path.join(here, "src/favicon.svg")));
      compress();
      report();
    });
  },
};

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const options = {
  absWorkingDir: here,
  entryPoints: ["app", "desk", "floor", "charts", "select", "alpine", "kit", "phone", "capture", "shop"].map((name) => `src/${name}.ts`).concat(["src/css/app.css", "src/css/shop.css"]),
  entryNames: "[name]",
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome123", "firefox125", "safari17.5"],
  loader: { ".svg": "dataurl" },
  legalComments: "none",
  logLevel: "warning",
  plugins: [tablerSubset, finish],
};
if (process.argv.includes("--watch")) {
  const context = await esbuild.context(options);
  await context.watch();
} else {
  await esbuild.build(options);
}
