// Includes point one way, server -> api -> core, and each library has one layer that knows it.
//
// usage: node includes.mjs ROOT_OF_THE_SOURCES

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, finish } from "./tap.mjs";

const root = process.argv[2];

// A layer includes from itself and from what it lists.
const LAYERS = { core: [], api: ["core"], server: ["api", "core"] };

// Who may include a library's header.
const LIBRARIES = [
  { header: /^microhttpd\.h$/, who: /^server\/http[a-z_]*\.[ch]$/ },
  { header: /^hiredis\//, who: /^core\/redis_[a-z_]+\.[ch]$/ },
  { header: /^jansson\.h$/, who: /^api\// },
  { header: /^uuid\//, who: /^core\// },
];

const INCLUDE = /^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]/gm;

const sources = Object.keys(LAYERS).flatMap((layer) =>
  readdirSync(join(root, layer), { recursive: false })
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => `${layer}/${name}`),
);

const includes = sources.flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(INCLUDE)].map(([, quote, header]) => ({
    file,
    layer: file.split("/")[0],
    own: quote === '"',
    header,
    line: `${file} includes ${header}`,
  })),
);

const linesOf = (wrong) => includes.filter(wrong).map(({ line }) => line);

const pointsUp = ({ layer, own, header }) => {
  const to = header.split("/")[0];
  return own && to in LAYERS && to !== layer && !LAYERS[layer].includes(to);
};

expect("there are sources", sources.length ? [] : [`none in ${root}`]);
expect("includes point down: server -> api -> core", linesOf(pointsUp));
expect(
  'our own headers are included from the root, as "core/x.h"',
  linesOf(({ own, header }) => own && !(header.split("/")[0] in LAYERS && header.includes("/"))),
);
for (const { header: known, who } of LIBRARIES)
  expect(
    `only ${who.source} includes ${known.source}`,
    linesOf(({ header, file }) => known.test(header) && !who.test(file)),
  );
finish();
