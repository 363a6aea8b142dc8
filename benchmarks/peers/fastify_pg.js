// Fastify with node-postgres and response schemas, as both document it.
"use strict";

const app = require("fastify")({ logger: false });
const { Pool } = require("pg");

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const world = { type: "object", properties: { id: { type: "integer" }, randomnumber: { type: "integer" } } };
const query = { name: "one", text: "SELECT id, randomnumber FROM world WHERE id = $1" };
const key = () => 1 + Math.floor(Math.random() * 10000);

async function row() {
  return (await pool.query({ ...query, values: [key()] })).rows[0];
}

app.get("/one", { schema: { response: { 200: world } } }, row);

app.get("/twenty", { schema: { response: { 200: { type: "array", items: world } } } }, async () => {
  const rows = [];
  for (let index = 0; index < 20; index++) rows.push(await row());
  return rows;
});

app.get("/", async () => "ready");

app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
