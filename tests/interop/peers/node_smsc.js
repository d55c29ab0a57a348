// An SMSC made from the npm package `smpp`, following rules.md.
// Run as: node node_smsc.js --port-file F --log F --accounts F [--tls-cert F --tls-key F]
"use strict";
const fs = require("fs");
const smpp = require("smpp");

const MODES = { bind_transceiver: "TRX", bind_transmitter: "TX", bind_receiver: "RX" };
const LOGGED_TLVS = ["message_payload", "sar_msg_ref_num", "sar_total_segments", "sar_segment_seqnum"];
const TLV_OCTETS = { sar_msg_ref_num: 2, sar_total_segments: 1, sar_segment_seqnum: 1 };
const NETWORK_GSM = 3;

function option(name) {
  const at = process.argv.indexOf("--" + name);
  return at < 0 ? undefined : process.argv[at + 1];
}

const portFile = option("port-file");
const log = fs.openSync(option("log"), "a");
const accounts = JSON.parse(fs.readFileSync(option("accounts"), "utf8"));
const receivers = {};
for (const name of Object.keys(accounts)) receivers[name] = [];
let sessions = 0;

function write(event, session, fields) {
  const line = { at: Date.now() / 1000, event, bind: session.number, system_id: session.systemId, ...fields };
  fs.writeSync(log, JSON.stringify(line) + "\n");
}

function written(number, form) {
  const hex = number.toString(16);
  switch (form) {
    case "decimal": return String(number);
    case "paddedDecimal": return String(number).padStart(10, "0");
    case "hex": return hex;
    case "upperHex": return hex.toUpperCase();
    case "paddedHex": return hex.padStart(10, "0");
  }
  const uuid = `${hex.padStart(8, "0")}-0000-4000-8000-${hex.padStart(12, "0")}`;
  return form === "upperUuid" ? uuid.toUpperCase() : uuid;
}

function date(form, milliseconds, minutes) {
  const [year, month, day, hour, minute, second] =
    new Date(milliseconds + 60000 * minutes).toISOString().split(/[^0-9]/);
  const parts = { Y: year, y: year.slice(2), m: month, d: day, H: hour, M: minute, S: second };
  return form.replace(/%(.)/g, (_, letter) => parts[letter]);
}

function receiptText(account, receipt, id, submitted) {
  const text = receipt.text
    .replace("{id}", id)
    .replace("{submit}", date(account.submit, submitted, account.utcMinutes))
    .replace("{done}", date(account.done, Date.now(), account.utcMinutes));
  // A string would be encoded by data_coding, but by the package's own table: the octets are what a test is about.
  return account.dataCoding === 8 ? Buffer.from(text, "utf16le").swap16() : Buffer.from(text, "ascii");
}

// The package decodes short_message into text; the log needs the octets, so every coding becomes Latin-1 here.
for (const coding of Object.values(smpp.encodings)) {
  if (coding && coding.decode) coding.decode = (value) => value.toString("latin1");
}

function octets(value) {
  if (Buffer.isBuffer(value)) return value;
  if (value && value.message !== undefined) {
    const body = octets(value.message);
    if (!value.udh) return body;
    const udh = Buffer.concat(value.udh.map((ie) => Buffer.from(ie)));
    return Buffer.concat([Buffer.from([udh.length]), udh, body]);
  }
  return Buffer.from(String(value), "latin1");
}

function tlvHex(pdu, name) {
  const size = TLV_OCTETS[name];
  return size ? pdu[name].toString(16).padStart(2 * size, "0") : octets(pdu[name]).toString("hex");
}

function endingOf(account, destination) {
  return account.endings[destination.slice(-3)] || account.endings[""];
}

function onSubmit(session, pdu) {
  const account = accounts[session.systemId];
  const ending = endingOf(account, pdu.destination_addr);
  const status = ending.status || 0;
  const number = status ? 0 : account.start++;
  const id = status ? "" : written(number, account.response);
  write("submit", session, {
    seq: pdu.sequence_number,
    source_addr: pdu.source_addr,
    destination_addr: pdu.destination_addr,
    esm_class: pdu.esm_class,
    data_coding: pdu.data_coding,
    registered_delivery: pdu.registered_delivery,
    short_message: octets(pdu.short_message).toString("hex"),
    tlvs: LOGGED_TLVS.filter((name) => pdu[name] !== undefined).map((name) => [name, tlvHex(pdu, name)]),
    message_id: id,
    command_status: status,
  });
  session.send(pdu.response(status ? { command_status: status } : { message_id: id }));
  if (status || !(pdu.registered_delivery & 1)) return;
  const submitted = Date.now();
  ending.receipts.forEach((receipt, index) => {
    const receiptId = written(number, account.receipt);
    setTimeout(() => report(session.systemId, pdu, receipt, id, receiptId, submitted), 1000 * account.delay * (index + 1));
  });
}

function report(systemId, submit, receipt, id, receiptId, submitted) {
  const account = accounts[systemId];
  const receiver = receivers[systemId][receivers[systemId].length - 1];
  if (!receiver) return;
  const fields = {
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: submit.destination_addr,
    destination_addr: submit.source_addr,
    esm_class: receipt.esmClass,
    data_coding: account.dataCoding,
  };
  if (account.carrier !== "none") {
    const text = receiptText(account, receipt, receiptId, submitted);
    fields[account.carrier === "short_message" ? "short_message" : "message_payload"] = text;
  }
  if (account.tlvs.includes("id")) fields.receipted_message_id = receiptId;
  if (account.tlvs.includes("state")) fields.message_state = receipt.state;
  if (account.tlvs.includes("error")) {
    fields.network_error_code = Buffer.from([NETWORK_GSM, receipt.error >> 8, receipt.error & 0xff]);
  }
  receiver[account.carrier === "data_sm" ? "data_sm" : "deliver_sm"](fields, (answer) => {
    write("deliver_resp", receiver, {
      message_id: id,
      destination_addr: submit.destination_addr,
      command_status: answer.command_status,
    });
  });
}

function onBind(session, pdu) {
  const mode = MODES[pdu.command];
  const account = accounts[pdu.system_id];
  let status = 0;
  if (!account || account.password !== pdu.password) status = smpp.ESME_RINVPASWD;
  else if (account.refuse.includes(mode)) status = smpp.ESME_RINVCMDID;
  session.systemId = pdu.system_id;
  write("bind", session, { mode, command_status: status });
  session.send(pdu.response({ command_status: status, system_id: "node-smpp" }));
  if (status) return;
  if (mode !== "TX") receivers[pdu.system_id].push(session);
  if (account.outbind) {
    session.outbind({ system_id: "node-smpp", password: "" });
    write("outbind", session, {});
  }
}

function welcome(session) {
  session.number = ++sessions;
  session.on("error", () => {});
  for (const command of Object.keys(MODES)) session.on(command, (pdu) => onBind(session, pdu));
  session.on("submit_sm", (pdu) => onSubmit(session, pdu));
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on("close", () => {
    const list = receivers[session.systemId] || [];
    if (list.includes(session)) list.splice(list.indexOf(session), 1);
  });
}

function listen(options) {
  const server = smpp.createServer(options, welcome);
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));
}

async function main() {
  const ports = { port: await listen({}) };
  if (option("tls-cert")) {
    const files = { cert: fs.readFileSync(option("tls-cert")), key: fs.readFileSync(option("tls-key")) };
    ports.tlsPort = await listen(files);
  }
  fs.writeFileSync(portFile + ".tmp", JSON.stringify(ports));
  fs.renameSync(portFile + ".tmp", portFile);
}

main();
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => process.exit(0));
