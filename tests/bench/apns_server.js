// APNs as a bench needs it: HTTP/2 over TLS, 1000 requests at once, and an answer to each.
//
//     node apns_server.js CERTIFICATE_AND_KEY
//
// Says its port, and at each line of input how many it has answered: {"answered", "gone"}. Device tokens that begin with
// "dead" are gone (410). It is in JavaScript so that a client on one core is never waiting for it.

"use strict";

const fs = require("node:fs");
const http2 = require("node:http2");
const readline = require("node:readline");

const pem = fs.readFileSync(process.argv[2]);
const server = http2.createSecureServer({ key: pem, cert: pem, settings: { maxConcurrentStreams: 1000 } });
const counts = { answered: 0, gone: 0 };

server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  stream.resume();
  stream.on("end", () => {
    if (stream.destroyed) return;
    counts.answered += 1;
    const id = headers["apns-id"];
    if (!headers[":path"].startsWith("/3/device/dead")) {
      stream.respond({ ":status": 200, "apns-id": id }, { endStream: true });
      return;
    }
    counts.gone += 1;
    stream.respond({ ":status": 410, "apns-id": id, "content-type": "application/json" });
    stream.end('{"reason":"Unregistered","timestamp":1700000000000}');
  });
});

server.on("sessionError", () => {});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
readline.createInterface({ input: process.stdin }).on("line", () => console.log(JSON.stringify(counts)));
