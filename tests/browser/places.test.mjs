// Where stock lies and what counts: locations of a store linked to warehouses, one pool fed by two, and what becomes of edits
// in a store that follows. A hub of its own, a Shopify with two locations as the master, a ShopWired that follows.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { FOLLOWS, checkAxe, inStore, openPage, patiently, photograph, signIn, startBrowser, startFake, startHub } from "./lib.mjs";

const MASTER = "shop-1.myshopify.com";
let shopify, shopwired, york, hub, browser, close, context, page;

const open = (path) => page.goto(hub.url + path);
const said = () => page.locator("[data-said]").first().innerText();
const heading = () => page.locator("h1").innerText();
const main = async () => (await page.locator("main").innerText()).replace(/\s+/g, " ");
async function api(path, body) {
  const answer = await fetch(`${hub.url}/api${path}`, {
    method: body ? "POST" : "GET", body: body && JSON.stringify(body),
    headers: { authorization: `Bearer ${hub.token}`, "content-type": "application/json" },
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}
/** Does something in the master; its ids are longer than a number of this language, so that bodies and answers are texts. */
async function inMaster(path, body) {
  const answer = await fetch(`${shopify.stores[0].address}/_fake/${MASTER}/${path}`, { method: "POST", body });
  const text = await answer.text();
  assert.ok(answer.ok, `${path}: ${text}`);
  return text;
}
const shownInYork = async (sku) => (await (await fetch(`${york.address}/_fake/state?account=${york.business}`)).json()).accounts[york.business].levels[sku];
const level = async (sku) => (await api(`/item?sku=${sku}`)).level;

before(async () => {
  [shopify, shopwired] = [await startFake("shopify"), await startFake("shopwired")];
  york = shopwired.stores[1];
  const depot = (await inMaster("locations", `{"name":"Depot","service":false}`)).match(/"id":"?(\d+)/)[1];
  await inMaster("connect", `{"sku":"MUG","location":${depot},"on":true}`);
  await inMaster("adjust", `{"sku":"MUG","location":${depot},"quantity":4}`);
  for (const [sku, stock] of [["MUG", 1], ["CAP", 2], ["TEE", 3]]) await inStore(york, "products", { title: sku, sku, stock, active: true });
  hub = await startHub(["--allow-insecure-endpoints", "--sweep-seconds", "2"]);
  const rate = { per_minute: 600_000, burst: 10_000 };
  await api("/accounts", { ...shopify.accounts[0], id: "main", role: "master", rate });
  await api("/accounts", { ...shopwired.accounts[1], id: "york", role: "replica", rate });
  ({ browser, close } = await startBrowser());
  context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  page = await openPage(context);
  await signIn(page, hub.url, hub.token);
});
after(async () => {
  await close?.();
  await hub?.stop();
  await shopwired?.stop();
  await shopify?.stop();
});

/** Chooses a warehouse beside a location and asks what it would do. */
async function choose(tab, location, warehouse) {
  await tab.getByLabel(`Warehouse of ${location} in main`).selectOption({ label: warehouse });
  await tab.getByRole("button", { name: `Preview linking ${location} in main` }).click();
}

test("locations of a store are in no warehouse until a person links them; one that is taken names the other warehouse", async () => {
  await open("/accounts/main");
  assert.match(await main(), /Depot in no warehouse/);
  await page.getByRole("link", { name: "Link the locations of main" }).click();
  assert.equal(await heading(), "Warehouses");
  assert.match(await main(), /Locations that belong to no warehouse .*Depot main/);
  await photograph(page, "warehouses-loose", { passing: true });
  await page.getByLabel("Short name").fill("west");
  await page.getByLabel("What people call it").fill("West depot");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  assert.match(await said(), /West depot is there/);
  const other = await openPage(context);
  await other.goto(`${hub.url}/warehouses`);
  await choose(page, "Depot", "West depot");
  assert.equal(await heading(), "Link Depot in main to West depot?");
  await page.getByRole("button", { name: "Apply" }).click();
  assert.match(await said(), /Done/);
  // somebody whose page still shows it in no warehouse
  await choose(other, "Depot", "Main");
  assert.match(await other.locator("[data-said]").first().innerText(), /Depot in main belongs to West depot already, and a location is in one warehouse only/);
  assert.equal(new URL(other.url()).pathname, "/warehouses", "where another one can be chosen");
  await photograph(other, "warehouses-taken", { passing: true });
  assert.deepEqual(other.complaints, []);
  await other.close();
  const places = (await api("/locations")).filter((place) => place.account === "main");
  const [left] = places.filter((place) => place.warehouses.length === 0);
  assert.equal(places.find((place) => place.name === "Depot").warehouses.join(), "west");
  await open("/warehouses");
  await choose(page, left.name, "Main");
  await page.getByRole("button", { name: "Apply" }).click();
  assert.match(await said(), /Done/);
  await open("/accounts/main");
  assert.match(await main(), new RegExp(`${left.name} in Main .*Depot in West depot|Depot in West depot .*${left.name} in Main`));
});

test("a store of one pool is fed by two warehouses, after a preview, and moving a location shows what it would do", async () => {
  const run = await api("/runs", { kind: "adopt", apply: true });
  await patiently(async () => (await api(`/runs/${run.id}`)).state === "done", "the first sync is done");
  await patiently(async () => (await shownInYork("MUG")) === 12, "york shows what is in the main warehouse");
  await open("/accounts/york");
  await photograph(page, "account-location-map");
  const fed = page.getByRole("group", { name: "Fed by" });
  await fed.getByLabel("First from").selectOption("Main");
  await fed.getByLabel("Then from").selectOption("West depot");
  await page.getByRole("button", { name: "Preview", exact: true }).click();
  assert.equal(await heading(), "Feed york from Main, then West depot?");
  assert.match((await page.locator("tr", { hasText: "MUG" }).innerText()).replace(/\s+/g, " "), /MUG york 12 16/);
  await photograph(page, "warehouses-preview", { passing: true });
  assert.equal(await shownInYork("MUG"), 12, "a preview writes nothing");
  await page.getByRole("button", { name: "Apply" }).click();
  assert.match(await said(), /Done: 1 level will change/);
  await patiently(async () => (await shownInYork("MUG")) === 16, "york shows both");
  assert.match(await main(), /Fed by Main, West depot/);
  await open("/item?sku=MUG");
  const why = (await page.locator('[data-live="why"]').innerText()).replace(/\s+/g, " ");
  assert.match(why, /12 in main \+ 4 in west = 16/);
  await open("/accounts/york");
  assert.deepEqual(await fed.getByRole("combobox").evaluateAll((all) => all.map((one) => one.value)), ["main", "west"], "in their order");
  await open("/warehouses");
  await choose(page, "Depot", "Main");
  assert.equal(await heading(), "Move Depot in main from West depot to Main?");
  await page.getByRole("link", { name: "Leave it as it is" }).click();
  const depot = (await api("/locations")).find((place) => place.name === "Depot");
  assert.equal(depot.warehouses.join(), "west");
});

/** Says what becomes of edits in york, then somebody edits a level there. */
async function decideAndEdit(choice, sku, quantity) {
  await open("/accounts/york");
  await page.getByRole("group", { name: "What does not count" }).getByRole("radio", { name: choice }).check();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  assert.match(await said(), /Saved/);
  assert.ok(await page.getByRole("group", { name: "What does not count" }).getByRole("radio", { name: choice }).isChecked());
  await inStore(york, "stock", { sku, quantity, page: "product" });
}

test("what becomes of edits in a store that follows is chosen: set back, counted after all, or left and told", async () => {
  await decideAndEdit(/^Set it back/, "CAP", 20);
  await patiently(async () => (await shownInYork("CAP")) === 7, "the store has its right number again");
  assert.equal(await level("CAP"), 7);
  await decideAndEdit(/^Count it after all/, "TEE", 33);
  await patiently(async () => (await level("TEE")) === 33, "the edit is part of the stock");
  await decideAndEdit(/^Leave it and tell me/, "CAP", 9);
  await open("/item?sku=CAP");
  await page.locator("ol.feed").getByText(/a difference of \+2 does not count here and stays, as you asked/).first().waitFor({ timeout: FOLLOWS * 3 });
  assert.equal(await shownInYork("CAP"), 9, "it is left as it is");
  assert.equal(await level("CAP"), 7, "and not counted");
  await checkAxe(page, "an item with a difference that stays");
});

test("a store in which nothing has a SKU of the hub says so after the first sync, and leads to where it is matched by hand", async () => {
  const leeds = shopwired.stores[2];
  await inStore(leeds, "products", { title: "Lamp", sku: "LAMP", stock: 5, active: true });
  await api("/accounts", { ...shopwired.accounts[2], id: "leeds", role: "replica", rate: { per_minute: 600_000, burst: 10_000 } });
  await open("/accounts/leeds");
  assert.match(await main(), /The first sync is missing: leeds/);
  const run = await api("/runs", { kind: "adopt", apply: true });
  await patiently(async () => (await api(`/runs/${run.id}`)).state === "done", "the first sync is done");
  for (const path of ["/", "/accounts", "/accounts/leeds"]) {
    await open(path);
    assert.match(await main(), /Nothing in leeds matches an item of the hub.*and no item has the SKU of one|whose SKU no item has/, path);
    assert.doesNotMatch(await main(), /first sync is missing/i, path);
  }
  await photograph(page, "account-unmatched", { passing: true });
  await page.locator("[data-said]").getByRole("link", { name: "Products and mapping" }).click();
  assert.equal(await heading(), "Products of leeds");
});

test("no script failed on the way", () => { assert.deepEqual(page.complaints, []); });
