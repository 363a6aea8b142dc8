// Fastify with node-postgres and eta, whose templates are compiled to functions, as each documents it.
"use strict";

const app = require("fastify")({ logger: false });
const { Pool } = require("pg");
const { Eta } = require("eta");

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const eta = new Eta({ cache: true, useWith: false, varName: "it" });
const page = eta.compile(
  "<!DOCTYPE html>\n<html>\n<head><title>Fortunes</title></head>\n<body>\n<table>\n" +
    "<tr><th>id</th><th>message</th></tr>\n" +
    "<% for (const fortune of it.fortunes) { %>" +
    "<tr><td><%= fortune.id %></td><td><%= fortune.message %></td></tr>\n" +
    "<% } %></table>\n</body>\n</html>\n",
).bind(eta);
const all = { name: "fortunes", text: "SELECT id, message FROM fortune" };
const byMessage = (a, b) => (a.message < b.message ? -1 : a.message > b.message ? 1 : 0);

app.get("/fortunes", async (request, reply) => {
  const fortunes = (await pool.query(all)).rows;
  fortunes.push({ id: 0, message: "Additional fortune added at request time." });
  fortunes.sort(byMessage);
  reply.type("text/html; charset=utf-8");
  return page({ fortunes });
});

app.get("/", async () => "ready");

app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
