// Reads an AsyncAPI document and fails where the specification's own parser finds an error in it.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const errors = diagnostics.filter((one) => one.severity === 0);
for (const one of diagnostics) {
  const line = `${one.severity === 0 ? "error" : "note"} ${one.code} at ${one.path.join(".")}: ${one.message}`;
  (one.severity === 0 ? console.error : console.log)(line);
}
if (document) console.log(`channels ${document.channels().length} operations ${document.operations().length}`);
process.exitCode = errors.length || !document ? 1 : 0;
