// node:http without any framework: the shortest honest JSON reply.
"use strict";

const http = require("node:http");

const server = http.createServer((request, response) => {
  if (request.url === "/json") {
    const body = JSON.stringify({ message: "Hello, World!" });
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  } else if (request.url === "/plaintext") {
    response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": 13 });
    response.end("Hello, World!");
  } else {
    response.writeHead(404);
    response.end();
  }
});

server.listen(Number(process.argv[2]), "127.0.0.1");
