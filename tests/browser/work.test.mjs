// Work that gets stuck, and work that somebody stops: a hub of its own beside fake stores.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FOLLOWS, checkAxe, inStore, openPage, patiently, photograph, signIn, startBrowser, startFake, startHub } from "./lib.mjs";

const SKUS = Array.from({ length: 20 }, (_, number) => `BOLT-${String(number).padStart(4, "0")}`);
/** Nothing finds what no webhook told of. */
const OPTIONS = ["--allow-insecure-endpoints", "--sweep-seconds", "3600"];
let fake, folder, hub, token, browser, close, context, page;

const open = (path) => page.goto(hub.url + path);
async function api(path, body, method = body ? "POST" : "GET") {
  const answer = await fetch(`${hub.url}/api${path}`, {
    method, body: body && JSON.stringify(body),
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}
const level = async (sku) => (await api(`/item?sku=${sku}`)).level;
const levels = async () => Object.fromEntries((await api("/items?limit=500")).rows.map((item) => [item.sku, item.level]));
const all = (skus, level) => Object.fromEntries(skus.map((sku) => [sku, level]));
/** As fast as the fakes can be called. */
const QUICK = { per_minute: 600_000, burst: 10_000 };
/** Puts messages into the queues of a hub that stands still: queue 1 are changes, 3 those that failed too often. */
function enqueue(rows) {
  const insert = `import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for row in json.loads(sys.argv[2]):
    number = db.execute("SELECT coalesce(max(number), 0) + 1 FROM messages").fetchone()[0]
    db.execute("INSERT INTO messages VALUES (?, ?, 1, 'leeds', ?, ?, 0, 0)", (number, row["queue"], row["body"], row["receives"]))
db.commit()`;
  execFileSync("python3", ["-c", insert, join(folder, "queue.sqlite"), JSON.stringify(rows)]);
}
async function begin() {
  hub = await startHub(OPTIONS, folder);
  token ??= hub.token;
}

before(async () => {
  fake = await startFake("shopwired");
  folder = mkdtempSync(join(tmpdir(), "evenstock-"));
  await begin();
  for (const store of fake.stores.slice(0, 2)) {
    for (let at = 0; at < SKUS.length; at += 50) {
      await Promise.all(SKUS.slice(at, at + 50).map((sku) => inStore(store, "products", { title: `Bolt ${sku.slice(-4)}`, sku, stock: 10, active: true })));
    }
  }
  for (const [place, id] of ["main", "leeds"].entries()) {
    await api("/accounts", { ...fake.accounts[place], id, rate: QUICK });
  }
  const run = await api("/runs", { kind: "adopt", apply: true });
  await patiently(async () => (await api(`/runs/${run.id}`)).state === "done", "the first sync is done");
  ({ browser, close } = await startBrowser());
  context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  page = await openPage(context);
  await signIn(page, hub.url, token);
});
after(async () => {
  await close?.();
  await hub?.stop();
  await fake?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** Stops the run whose page is shown, as a person would, and reads the page once it says so. */
async function stopIt(within = FOLLOWS) {
  await page.getByRole("button", { name: "Stop it" }).click();
  assert.match(await page.locator("[data-said]").first().innerText(), /It stops before its next step. What it did stays done/);
  await page.locator('[data-live="run"] .badge', { hasText: "Cancelled" }).first().waitFor({ timeout: within });
  assert.equal(await page.getByRole("button", { name: "Stop it" }).count(), 0, "what has ended cannot be stopped");
  return (await page.locator("main").innerText()).replace(/\s+/g, " ");
}
const runOfPage = () => new URL(page.url()).pathname.split("/").pop();
const badge = (text) => page.locator('[data-live="run"] .badge', { hasText: text }).first().waitFor({ timeout: FOLLOWS * 3 });

test("a comparison that waits for a slow store is stopped: it changed nothing, and another one does its work", async () => {
  // one call in ten seconds: to read the store takes the better part of a minute
  await api("/accounts/leeds", { rate: { per_minute: 6, burst: 1 } }, "PATCH");
  await inStore(fake.stores[0], "stock", { sku: SKUS[3], quantity: 14, page: "product-import" });
  await open("/runs");
  await page.getByRole("button", { name: "Compare all stores" }).click();
  await page.waitForURL(/\/runs\/./);
  await page.getByText(/Reading \w+/).first().waitFor({ timeout: FOLLOWS });
  assert.match(await stopIt(), /It was stopped between two steps/);
  await checkAxe(page, "a comparison that was stopped");
  const run = await api(`/runs/${runOfPage()}`);
  assert.deepEqual([run.state, run.result ?? null], ["cancelled", null]);
  assert.equal(await level(SKUS[3]), 10, "nobody has counted the import");
  await open("/runs");
  assert.match(await page.locator('[data-live="runs"] tbody tr').first().innerText(), /Comparison of all stores[\s\S]*Cancelled/);
  // what was stopped keeps nobody from beginning again
  await api("/accounts/leeds", { rate: QUICK }, "PATCH");
  await page.getByRole("button", { name: "Compare all stores" }).click();
  await page.waitForURL(/\/runs\/./);
  await badge("Done");
  await patiently(async () => (await level(SKUS[3])) === 14, "the import is counted", FOLLOWS * 4);
  await inStore(fake.stores[0], "stock", { sku: SKUS[3], quantity: 10, page: "product" });
  await patiently(async () => (await level(SKUS[3])) === 10, "the edit is counted", FOLLOWS * 4);
});

test("a stock file is stopped half way: what it did stays, is listed and can be taken back; the rest is as it was", async () => {
  const [first, last] = [SKUS.slice(0, 10), SKUS.slice(10)];
  // between what is ours lie so many lines of another shop that they take minutes to be read
  const strange = Array.from({ length: 100_000 }, (_, number) => `NUT-${String(number).padStart(6, "0")}`);
  const lines = [...first, ...strange, ...last].map((sku, place) => ({ line: place + 2, sku, quantity: "25" }));
  const { id } = await api("/runs", { kind: "import", reason: "wrong list" });
  for (let at = 0; at < lines.length; at += 10_000) await api(`/runs/${id}/lines`, { lines: lines.slice(at, at + 10_000) });
  await api(`/runs/${id}/start`, {});
  await open("/runs");
  await page.locator('[data-live="runs"]').getByRole("link", { name: "Stock file" }).first().click();
  assert.equal(runOfPage(), id);
  await page.getByText(/Importing: [1-9][\d,]* of 100,020/).first().waitFor({ timeout: FOLLOWS * 6 });
  const told = await stopIt();
  assert.match(told, /What it did until then stays done and is listed below.*What it changed.*BOLT-0000 10 25/);
  assert.doesNotMatch(told, /BOLT-0010/);
  await photograph(page, "run-cancelled", { passing: true });
  const run = await api(`/runs/${id}`);
  assert.equal(run.state, "cancelled");
  assert.ok(run.progress.done >= first.length && run.progress.done < lines.length, `${run.progress.done} of ${lines.length}`);
  assert.deepEqual(await levels(), { ...all(first, 25), ...all(last, 10) });
  await page.getByRole("button", { name: "Take this run back …" }).click();
  await page.waitForURL((address) => !address.pathname.endsWith(id));
  await badge("Done");
  page.once("dialog", (dialog) => dialog.accept());
  const preview = page.url();
  await page.getByRole("button", { name: "Apply the restore" }).click();
  await page.waitForURL((address) => address.href !== preview);
  await badge("Done");
  assert.deepEqual(await levels(), all(SKUS, 10));
});

test("messages that failed too often are shown with the reason, and are worked on once they are put back", async () => {
  await page.goto("about:blank"); // a page that asks a hub which stands still complains
  await hub.stop();
  const sku = SKUS[7];
  const hint = { account: "leeds", touch: { sku }, cause: "webhook", at: Date.now() };
  enqueue([{ queue: 3, body: JSON.stringify(hint), receives: 6 }, { queue: 1, body: "{ torn", receives: 5 }]);
  await begin();
  await signIn(page, hub.url, token, "/queue");
  await page.getByText("Not a hint").first().waitFor({ timeout: FOLLOWS });
  await page.getByText("2 messages could not be worked on in six tries").waitFor({ timeout: FOLLOWS * 3 });
  assert.equal((await api("/queues")).dead.waiting, 2);
  await photograph(page, "queue-dead", { passing: true });
  await checkAxe(page, "queue with dead letters");
  await open("/");
  assert.match(await page.locator('[data-live="needs"]').innerText(), /2 messages failed too often[\s\S]*Open the queue/);
  // its webhook goes to where the hub was before: only what is put back says to look
  await inStore(fake.stores[1], "orders", { lines: [[sku, 4]] });
  assert.equal(await level(sku), 10);
  await page.getByRole("link", { name: "Open the queue" }).click();
  await page.getByRole("button", { name: "Put them back" }).click();
  assert.match(await page.locator("[data-said]").first().innerText(), /2 messages put back/);
  await patiently(async () => (await level(sku)) === 6, "the sale is counted");
  await open(`/item?sku=${sku}`);
  await page.locator("ol.feed").getByText(/4 sold \(order \d+\) in leeds/).first().waitFor({ timeout: FOLLOWS });
  const left = async () => { const { changes, dead } = await api("/queues"); return changes.waiting + changes.in_flight + dead.waiting; };
  await patiently(async () => (await left()) === 1, "what nobody can read is tried again until it comes back with its reason; all else is done");
});

test("no script failed on the way", () => { assert.deepEqual(page.complaints, []); });
