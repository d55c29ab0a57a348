// An SMSC made from the npm package `smpp`, following rules.md.
// Run as: node node_smsc.js --port-file F --log F --system-id S --password P
"use strict";
const fs = require("fs");
const smpp = require("smpp");

const RECEIPT_DELAY_MS = 200;

function option(name, fallback) {
  const at = process.argv.indexOf("--" + name);
  return at > 0 ? process.argv[at + 1] : fallback;
}

const portFile = option("port-file");
const log = fs.openSync(option("log"), "a");
const systemId = option("system-id", "");
const password = option("password", "");
const receivers = [];
let number = 0x20b0;

function stamp() {
  const digits = new Date().toISOString().replace(/[^0-9]/g, "");
  return digits.slice(2, 12);
}

function receiptText(id, stat, err) {
  const delivered = stat === "DELIVRD" ? "001" : "000";
  return `id:${id} sub:001 dlvrd:${delivered} submit date:${stamp()} done date:${stamp()} stat:${stat} err:${err} text:`;
}

function receiptsFor(destination) {
  if (destination.endsWith("027")) return [["UNDELIV", "027"]];
  if (destination.endsWith("001")) return [["ENROUTE", "000"], ["DELIVRD", "000"]];
  return [["DELIVRD", "000"]];
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

function onSubmit(session, pdu) {
  const rejected = pdu.destination_addr.endsWith("404");
  const id = rejected ? "" : (number++).toString(16).padStart(8, "0");
  const tlvs = [];
  if (pdu.message_payload !== undefined) {
    tlvs.push(["message_payload", octets(pdu.message_payload).toString("hex")]);
  }
  fs.writeSync(log, JSON.stringify({
    at: Date.now() / 1000,
    event: "submit",
    seq: pdu.sequence_number,
    source_addr: pdu.source_addr,
    destination_addr: pdu.destination_addr,
    esm_class: pdu.esm_class,
    data_coding: pdu.data_coding,
    registered_delivery: pdu.registered_delivery,
    short_message: octets(pdu.short_message).toString("hex"),
    tlvs: tlvs,
    message_id: id,
    command_status: rejected ? smpp.ESME_RINVDSTADR : 0,
  }) + "\n");
  if (rejected) {
    session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
    return;
  }
  session.send(pdu.response({ message_id: id }));
  if (!(pdu.registered_delivery & 1)) return;
  receiptsFor(pdu.destination_addr).forEach(([stat, err], index) => {
    setTimeout(() => {
      const receiver = receivers[receivers.length - 1];
      if (!receiver) return;
      receiver.deliver_sm({
        source_addr_ton: 1,
        source_addr: pdu.destination_addr,
        destination_addr: pdu.source_addr,
        esm_class: 4,
        short_message: receiptText(id, stat, err),
      });
    }, RECEIPT_DELAY_MS * (index + 1));
  });
}

const server = smpp.createServer((session) => {
  session.on("error", () => {});
  for (const mode of ["bind_transceiver", "bind_transmitter", "bind_receiver"]) {
    session.on(mode, (pdu) => {
      const known = pdu.system_id === systemId && pdu.password === password;
      session.send(pdu.response({ command_status: known ? 0 : smpp.ESME_RINVPASWD, system_id: "node-smpp" }));
      if (known && mode !== "bind_transmitter") receivers.push(session);
    });
  }
  session.on("submit_sm", (pdu) => onSubmit(session, pdu));
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on("close", () => {
    const at = receivers.indexOf(session);
    if (at >= 0) receivers.splice(at, 1);
  });
});

server.listen(0, "127.0.0.1", () => {
  fs.writeFileSync(portFile + ".tmp", JSON.stringify({ port: server.address().port }));
  fs.renameSync(portFile + ".tmp", portFile);
});
for (const name of ["SIGTERM", "SIGINT"]) process.on(name, () => process.exit(0));
