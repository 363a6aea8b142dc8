// Fastify with better-sqlite3, whose statements block the loop while they run, as its documentation recommends.
"use strict";

const app = require("fastify")({ logger: false });
const database = require("better-sqlite3")(process.env.SQLITE_FILE);

database.pragma("journal_mode = WAL");
const statement = database.prepare("SELECT id, randomnumber FROM world WHERE id = ?");
const world = { type: "object", properties: { id: { type: "integer" }, randomnumber: { type: "integer" } } };

app.get("/one", { schema: { response: { 200: world } } }, async () =>
  statement.get(1 + Math.floor(Math.random() * 10000))
);

app.get("/", async () => "ready");

app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
