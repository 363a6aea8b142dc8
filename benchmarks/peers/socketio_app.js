// Socket.IO as its documentation shows it: everybody joins one room, and what one says all get. With WORKERS=2 and VALKEY_URL
// two processes share the port and reach each other through the Redis adapter.
"use strict";

const cluster = require("node:cluster");
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const workers = Number(process.env.WORKERS || 1);

async function serve() {
  const http = createServer((request, response) => response.end("ready"));
  const io = new Server(http, { transports: ["websocket"] });
  if (process.env.VALKEY_URL) {
    const { createAdapter } = require("@socket.io/redis-adapter");
    const { createClient } = require("redis");
    const publisher = createClient({ url: process.env.VALKEY_URL });
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.connect(), subscriber.connect()]);
    io.adapter(createAdapter(publisher, subscriber));
  }
  io.on("connection", (socket) => {
    socket.join("bench");
    socket.on("say", ({ text }) => io.to("bench").emit("said", { text }));
  });
  http.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
}

if (workers > 1 && cluster.isPrimary) {
  for (let worker = 0; worker < workers; worker++) cluster.fork();
} else {
  serve();
}
