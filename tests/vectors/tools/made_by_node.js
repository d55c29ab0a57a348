// Writes what asked.json asks for with the npm package `smpp`: node made_by_node.js > ../pdus_node.json
// The package is looked for where the interop tests install it (tests/interop/peers).
"use strict";
const fs = require("fs");
const path = require("path");
const peers = path.join(__dirname, "..", "..", "interop", "peers");
const found = require.resolve("smpp", { paths: [peers] });
const smpp = require(found);
const version = JSON.parse(fs.readFileSync(path.join(path.dirname(found), "..", "package.json"), "utf8")).version;
const OCTETS = new Set(["short_message"]);
const ITS_NAMES = { destination_port: "dest_port" };

function option(tlv) {
  const octets = Buffer.from(tlv.value, "hex");
  if (tlv.as === "int") return parseInt(tlv.value, 16);
  if (tlv.as === "text") return octets.toString("latin1", 0, octets.length - 1);
  return tlv.name === "callback_num" ? [octets] : octets;
}

function options(asked) {
  const given = { command_status: asked.status, sequence_number: asked.sequence };
  for (const [name, value] of Object.entries(asked.fields)) {
    given[name] = OCTETS.has(name) ? Buffer.from(value, "hex") : value;
  }
  for (const tlv of asked.tlvs) given[ITS_NAMES[tlv.name] || tlv.name] = option(tlv);
  return given;
}

const made = [];
const refused = [];
for (const asked of JSON.parse(fs.readFileSync(path.join(__dirname, "asked.json"), "utf8"))) {
  try {
    made.push({ asked: asked.name, hex: new smpp.PDU(asked.command, options(asked)).toBuffer().toString("hex") });
  } catch (error) {
    refused.push({ asked: asked.name, why: String(error.message) });
  }
}
const origin = `npm package smpp ${version}, node ${process.version}, tests/vectors/tools/made_by_node.js`;
process.stdout.write(JSON.stringify({ origin, made, refused }, null, 1) + "\n");
