// Fastify with schemas on both routes: the fast path its documentation recommends.
"use strict";

const app = require("fastify")({ logger: false });

const message = { type: "object", properties: { message: { type: "string" } } };

app.get("/json", { schema: { response: { 200: message } } }, async () => ({ message: "Hello, World!" }));

const address = {
  type: "object",
  required: ["street", "city", "postcode", "country"],
  properties: {
    street: { type: "string", maxLength: 100 },
    city: { type: "string", maxLength: 60 },
    postcode: { type: "string", maxLength: 12 },
    country: { type: "string", minLength: 2, maxLength: 2 },
  },
};

const line = {
  type: "object",
  required: ["sku", "title", "quantity", "price"],
  properties: {
    sku: { type: "string", maxLength: 20 },
    title: { type: "string", maxLength: 100 },
    quantity: { type: "integer", minimum: 1, maximum: 1000 },
    price: { type: "number", minimum: 0 },
  },
};

const order = {
  type: "object",
  required: ["email", "address", "lines", "note", "gift"],
  properties: {
    email: { type: "string", maxLength: 100 },
    address,
    lines: { type: "array", items: line, minItems: 1, maxItems: 100 },
    note: { type: "string", maxLength: 500 },
    gift: { type: "boolean" },
  },
};

const schema = {
  params: { type: "object", required: ["shop"], properties: { shop: { type: "integer" } } },
  querystring: {
    type: "object",
    properties: { dry_run: { type: "boolean", default: false }, limit: { type: "integer", default: 10 } },
  },
  body: order,
  response: {
    200: {
      type: "object",
      properties: {
        shop: { type: "integer" },
        dry_run: { type: "boolean" },
        limit: { type: "integer" },
        email: { type: "string" },
        quantity: { type: "integer" },
        total: { type: "number" },
      },
    },
  },
};

app.post("/shops/:shop/orders", { schema }, async (request) => {
  const { shop } = request.params;
  const { dry_run, limit } = request.query;
  const { email, lines } = request.body;
  let quantity = 0;
  let total = 0;
  for (const line of lines) {
    quantity += line.quantity;
    total += line.quantity * line.price;
  }
  return { shop, dry_run, limit, email, quantity, total };
});

app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
