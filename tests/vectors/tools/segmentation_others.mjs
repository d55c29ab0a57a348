// What split-sms and Twilio's sms-segments-calculator make of texts: one JSON array of texts in, one of answers out.
// Run in a folder where both are installed.
import { createRequire } from "node:module";

const load = createRequire(process.cwd() + "/");
const { split } = load("split-sms");
const { SegmentedMessage } = load("sms-segments-calculator");

const version = (name) => load(`${name}/package.json`).version;
const length = (text) => Array.from(text).length;

function splitSms(text, unicode) {
  const answer = split(text, { characterset: unicode ? "Unicode" : "GSM" });
  return answer.parts.map((part) => length(part.content));
}

function twilio(text, unicode) {
  const message = new SegmentedMessage(text, unicode ? "UCS-2" : "GSM-7");
  return message.segments.map((segment) => {
    const raws = Array.from(segment).filter((char) => !char.isReservedChar).map((char) => char.raw ?? "");
    return length(raws.join(""));
  });
}

function tried(work) {
  try {
    return work();
  } catch (error) {
    return String(error.message).slice(0, 60);
  }
}

let input = "";
for await (const chunk of process.stdin) input += chunk;
const answers = JSON.parse(input).map(({ text, unicode }) => ({
  "split-sms": tried(() => splitSms(text, unicode)),
  twilio: tried(() => twilio(text, unicode)),
}));
const versions = { "split-sms": version("split-sms"), twilio: version("sms-segments-calculator") };
process.stdout.write(JSON.stringify({ versions, answers }));
