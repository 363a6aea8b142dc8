// The ws package as its documentation shows it: /echo answers, /fan sends each message to everyone else there.
"use strict";

const { WebSocketServer, WebSocket } = require("ws");

const server = new WebSocketServer({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 });
const fan = new Set();

server.on("connection", (socket, request) => {
  if (request.url === "/fan") {
    fan.add(socket);
    socket.on("close", () => fan.delete(socket));
    socket.on("message", (data, binary) => {
      for (const other of fan) {
        if (other !== socket && other.readyState === WebSocket.OPEN) other.send(data, { binary });
      }
    });
  } else {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  }
  socket.on("error", () => socket.terminate());
});
