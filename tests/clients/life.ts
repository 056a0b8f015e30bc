// The life of a customer and its keys, with the clients that @hey-api/openapi-ts generates.
// usage: life.js DEV_JSON: the .claviger/dev.json of a running installation
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createClient } from "./api/client/index.js";
import * as api from "./api/index.js";
import { createClient as createKeysClient } from "./keys/client/index.js";
import * as keys from "./keys/index.js";

interface Environment {
  api_url: string;
  keys_url: string;
  keys_token: string;
  organization_key: string;
}

const path = process.argv[2] ?? "";
const dev = JSON.parse(readFileSync(path, "utf8")).environments.development as Environment;
const run = randomBytes(4).toString("hex");
const client = createClient({ baseUrl: dev.api_url, auth: () => dev.organization_key });
const guard = createKeysClient({ baseUrl: dev.keys_url, auth: () => dev.keys_token });
const organization = "acme";

/** The body of an answer, which has to be of this status. */
async function done<T>(answer: Promise<{ data?: T; error?: unknown; response?: Response }>, status = 200): Promise<T> {
  const { data, error, response } = await answer;
  assert.equal(response?.status, status, JSON.stringify(error));
  assert(data !== undefined);
  return data;
}

/** The problem of an answer, which has to be of this status. */
async function refused(
  answer: Promise<{ error?: api.Problem; response?: Response }>,
  status: number,
): Promise<{ problem: api.Problem; response: Response }> {
  const { error, response } = await answer;
  assert(response?.status === status && error !== undefined, `${response?.status}, not ${status}`);
  return { problem: error, response };
}

const verdict = (body: keys.VerifyRequest) => done(keys.verifyKey({ client: guard, body }));
const newKey = (body: api.NewKey) => done(api.createKey({ client, path: { organization }, body }), 201);

// A customer, with notes and a limit of its own.
const customer = await done(
  api.createCustomer({
    client,
    path: { organization },
    headers: { "Idempotency-Key": `customer-${run}` },
    body: {
      name: `Customer ${run}`,
      external_id: `ts-${run}`,
      metadata: { plan: "pro" },
      limits: [{ name: "shared", limit: 1000, window_ms: 60_000 }],
    },
  }),
  201,
);
assert.equal(customer.status, "active");

// A key with every option.
const host = `ts-${run}.example.com`;
await done(api.createDomain({ client, path: { organization }, body: { name: host } }), 201);
const made = await newKey({
  name: `Everything ${run}`,
  permissions: ["documents.read"],
  create_permissions: false,
  domains: [host],
  customers: [customer.id],
  ips: ["203.0.113.0/24"],
  not_before: new Date(Date.now() - 60_000).toISOString(),
  expires_at: new Date(Date.now() + 30 * 86_400_000).toISOString(),
  limits: [{ name: "requests", limit: 2, window_ms: 60_000 }],
  credits: { remaining: 5, refill: { amount: 5, interval: "monthly", day: 31 } },
  prefix: "acme",
  metadata: { plan: "pro" },
  tags: [`ts-${run}`],
  secret: randomBytes(20).toString("hex"),
  enabled: true,
});
const key = made.key;
const secret = made.secret ?? "";
assert(secret.startsWith("acme_dev_"));
assert.deepEqual([key.customers, key.domains], [[customer.id], [host]]);
assert.equal(key.credits?.refill?.interval, "monthly");

// Verified until its limit is spent, and never without what it is restricted to.
const question = { key: secret, domain: host, customer: customer.id, client_ip: "203.0.113.9" };
assert.equal((await verdict({ key: secret })).verdict, "FORBIDDEN");
for (const left of [1, 0]) {
  const answer = await verdict({ ...question, permissions: ["documents.read"] });
  assert.equal(answer.verdict, "VALID");
  assert.equal(answer.limits?.find((limit) => limit.name === "requests")?.remaining, left);
}
const spent = await verdict(question);
assert.equal(spent.verdict, "RATE_LIMITED");
assert((spent.retry_after_ms ?? 0) > 0);

// A caller that has spent its own limit gets a 429 that says when to try again.
const caller = await newKey({ name: `Caller ${run}`, limits: [{ name: "requests", limit: 1, window_ms: 60_000 }] });
const limited = createClient({ baseUrl: dev.api_url, auth: () => caller.secret ?? "" });
assert.equal((await done(api.whoami({ client: limited }))).kind, "organization");
const { problem, response } = await refused(api.whoami({ client: limited }), 429);
assert.equal(problem.code, "rate-limited");
assert(Number(response.headers.get("Retry-After")) > 0);
assert(response.headers.get("RateLimit")?.includes("r=0"));

// A rotation with an overlap: both secrets work.
const rotated = await newKey({ name: `Rotated ${run}`, tags: [`ts-${run}`] });
const of = { organization, key: rotated.key.id };
const fresh = await done(api.regenerateKey({ client, path: of, body: { overlap_seconds: 600 } }));
for (const secret of [rotated.secret, fresh.secret]) {
  assert.equal((await verdict({ key: secret ?? "" })).verdict, "VALID");
}
const held = await done(api.listSecrets({ client, path: of }));
assert.deepEqual(held.items.map((item) => item.is_active), [true, true]);

// A change of the version that was seen, and none of another.
const seen = await api.findKey({ client, path: { organization, key: key.id } });
const change = {
  client,
  path: { organization, key: key.id },
  headers: { "If-Match": seen.response?.headers.get("ETag") ?? "" },
  body: { name: `Renamed ${run}`, expires_at: "never", ips: "all" } satisfies api.KeyPatch,
};
const changed = await done(api.updateKey(change));
assert.deepEqual([changed.expires_at, changed.ips, changed.domains], [null, "all", [host]]);
assert.equal((await refused(api.updateKey(change), 412)).problem.code, "stale");

// Page by page.
const more = await newKey({ name: `More ${run}`, tags: [`ts-${run}`] });
const found: string[] = [];
let cursor: string | null | undefined;
do {
  const query = { tag: `ts-${run}`, limit: 2, sort: "name" as const, ...(cursor ? { cursor } : {}) };
  const page = await done(api.listKeys({ client, path: { organization }, query }));
  found.push(...page.items.map((item) => item.id));
  cursor = page.next_cursor;
} while (cursor);
assert.deepEqual(found, [more.key.id, key.id, rotated.key.id]);

// Revoked: refused from the next question on.
const body = { reason: "superseded", note: "The life is over." } satisfies api.Revocation;
const revoked = await done(api.revokeKey({ client, path: of, body }));
assert.deepEqual([revoked.status, revoked.revoke_reason], ["inactive", "superseded"]);
assert.equal(revoked.receipt?.effective_within_ms, 0);
assert.equal((await verdict({ key: fresh.secret ?? "" })).verdict, "REVOKED");
console.log("TypeScript: a life with the generated clients: passed");
