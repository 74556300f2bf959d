// A shopkeeper's first day with the console, in a real browser, beside fake stores over real HTTP. One story: each test goes
// on where the one before ended.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { FOLLOWS, checkAxe, clearPictures, inStore, openPage, photograph, signIn, startBrowser, startDemo, startHub } from "./lib.mjs";
import { startProvider } from "./provider.mjs";

let demo, browser, close, context, page;
/** The fake stores by name: where each is, and the platform's number of it. */
const stores = {};
const at = (path) => demo.url + path;
const open = (path) => page.goto(at(path));
const heading = () => page.locator("h1").textContent();
/** A cell of the demo page's table: what the books, the hub or a store show of a SKU. */
const shown = (who, sku) => page.locator(`[data-live="books"] td[data-watch="${sku}#${who}"]`);
const level = async (who, sku) => Number((await shown(who, sku).innerText()).replaceAll(",", ""));
const everywhere = async (sku, wanted, patience = FOLLOWS) => {
  for (const who of ["Hub", "main", "leeds", "york"]) {
    await page.waitForFunction(([who, sku, wanted]) =>
      document.querySelector(`[data-live="books"] td[data-watch="${sku}#${who}"]`)?.innerText.replaceAll(",", "") === String(wanted),
    [who, sku, wanted], { timeout: patience });
  }
};
const buy = (title, store) => page.getByRole("button", { name: `Buy 1 ${title} in ${store}`, exact: true }).click();
async function setLevel(title, store, to) {
  await page.getByLabel(`New level of ${title} in ${store}`, { exact: true }).fill(String(to));
  await page.getByRole("button", { name: `Set the level of ${title} in ${store}`, exact: true }).click();
}
const said = () => page.locator("[data-said]").first().innerText();

before(async () => {
  clearPictures();
  demo = await startDemo();
  ({ browser, close } = await startBrowser());
  context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: "en-GB", timezoneId: "Europe/London" });
  page = await openPage(context);
});
after(async () => { await close?.(); await demo?.stop(); });

test("signing in: a wrong token is refused beside the field, the printed link lets in", async () => {
  await open("/items");
  assert.equal(new URL(page.url()).pathname, "/sign-in");
  await photograph(page, "sign-in");
  await page.getByLabel("Access token").fill("evs_wrong");
  await page.getByRole("button", { name: "Sign in with a token" }).click();
  assert.match(await page.locator("#w-token").innerText(), /does not know that token/);
  await checkAxe(page, "sign-in, refused");
  await signIn(page, demo.url, demo.token);
  assert.equal(await heading(), "Overview");
  const [cookie] = (await context.cookies()).filter(({ name }) => name === "evenstock");
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict", "no script may read the session");
  assert.ok(!page.url().includes("evs_"), "the token does not stay in the address");
});

test("before anything is connected, every page says what to do next", async () => {
  for (const [path, next] of [["/", "Connect a store"], ["/items", "Connect a store"], ["/accounts", "Connect a store"], ["/first-sync", "Connect the master"]]) {
    await open(path);
    assert.ok(await page.getByRole("link", { name: next }).first().isVisible(), path);
    await photograph(page, `empty-${path.slice(1) || "overview"}`, { passing: true });
  }
  await open("/accounts/new");
  await photograph(page, "connect-choose");
});

async function connect(name) {
  await open("/demo");
  await page.locator(`[data-live="store-${name}"]`).getByRole("link", { name: "Connect it" }).click();
  // all is filled in but the secrets, which stand above their fields
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), name);
  assert.ok(await page.getByLabel(name === "main" ? "Master" : "Replica").isChecked());
  await page.locator("#more > summary").click();
  const address = new URL(await page.getByLabel("API address").inputValue());
  stores[name] = { address: address.origin, business: 1001 + ["main", "leeds", "york"].indexOf(name) };
  const labels = await page.locator(".offer dt").allInnerTexts();
  const values = await page.locator(".offer dd code").allInnerTexts();
  assert.deepEqual(labels, ["API key", "API secret", "Webhook secret"]);
  for (const [place, label] of labels.entries()) await page.getByLabel(label, { exact: true }).fill(values[place]);
}

test("connecting: what is wrong is told, then the three demo stores are connected", async () => {
  await connect("main");
  await page.getByLabel("API key", { exact: true }).fill("wrong");
  await page.getByRole("button", { name: "Connect" }).click();
  assert.match(await said(), /was not connected/i);
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "main", "what was typed is still there");
  await photograph(page, "connect-refused", { passing: true });
  await connect("main");
  await photograph(page, "connect-form");
  await page.getByRole("button", { name: "Connect" }).click();
  await isConnected("main");
  await photograph(page, "connected", { passing: true });
});

const hooks = () => page.locator('[data-live="run"] table tbody tr');
async function isConnected(name) {
  await page.waitForURL(/\/runs\//);
  await page.getByText(`${name} is connected`).waitFor({ timeout: FOLLOWS }).catch(async () => assert.fail(await page.locator("main").innerText()));
  assert.ok(await page.getByText("Nothing has been written to its stock").isVisible());
}

test("a webhook that the store refuses is shown with the reason and what to do, and trying again mends it", async () => {
  await connect("leeds");
  await inStore(stores.leeds, "faults", { failure: { status: 403 }, which: "writes", left: 1 });
  await page.getByRole("button", { name: "Connect" }).click();
  await page.getByText("leeds is stored, but its set-up is not whole").waitFor({ timeout: FOLLOWS });
  const refused = (await hooks().first().innerText()).replace(/\s+/g, " ");
  assert.match(refused, /Product stock changed Refused .*403.* Allow these credentials to manage webhooks/i);
  assert.equal(await hooks().filter({ hasText: "Created" }).count(), 5, "the others are set up all the same");
  await photograph(page, "connected-refused", { passing: true });
  await page.getByRole("button", { name: "Try again" }).click();
  await isConnected("leeds");
});

test("the set-up of webhooks is seen while it happens, without reloading the page", async () => {
  await connect("york");
  // slow enough to be looked at
  await page.getByLabel("Calls a minute").fill("90");
  await page.getByLabel("Calls at once").fill("2");
  await page.getByRole("button", { name: "Connect" }).click();
  await page.waitForURL(/\/runs\//);
  await page.evaluate(() => { document.body.dataset.stayed = "yes"; });
  await hooks().filter({ hasText: "Being registered" }).first().waitFor({ timeout: FOLLOWS });
  assert.ok(await hooks().filter({ hasText: "Waiting" }).count() > 0, "the others wait for their turn");
  const bare = await browser.newContext({ javaScriptEnabled: false });
  await bare.addCookies((await context.cookies()).filter(({ name }) => name === "evenstock"));
  const plain = await bare.newPage();
  await plain.goto(page.url());
  assert.match(await plain.locator("main").innerText(), /Webhooks: \d of 6 in order[\s\S]*Look again/, "it is read without a script");
  await bare.close();
  await photograph(page, "connecting");
  await isConnected("york");
  assert.equal(await page.evaluate(() => document.body.dataset.stayed), "yes");
  await open("/accounts/york");
  await page.locator("#settings > summary").click();
  await page.getByLabel("Calls a minute").fill("60000");
  await page.getByLabel("Calls at once").fill("200");
  await page.getByRole("button", { name: "Save settings" }).click();
  assert.match(await said(), /Settings saved/);
  await open("/accounts");
  assert.equal(await page.locator("a.plate").count(), 3);
  assert.match(await said(), /The first sync is missing: leeds, main, york[\s\S]*none of their products is matched/);
  assert.equal(await page.locator("a.plate", { hasText: "Not synced yet" }).count(), 3);
  await photograph(page, "accounts");
  await open("/");
  assert.match(await page.locator("main").innerText(), /The first sync comes next[\s\S]*Master · Not synced yet[\s\S]*The first sync has not been done/);
  await open("/accounts/york");
  assert.match(await said(), /The first sync is missing: york/);
  await page.getByRole("link", { name: "Preview the first sync" }).click();
  assert.equal(await heading(), "First sync");
});

test("the first sync shows what would change, writes nothing before, and then makes all stores equal", async () => {
  await open("/first-sync");
  await photograph(page, "first-sync");
  await page.getByRole("button", { name: "Preview" }).click();
  await page.waitForURL(/\/runs\//);
  const apply = page.getByRole("button", { name: "Apply the first sync" });
  await apply.waitFor({ timeout: FOLLOWS });
  const row = page.locator("tr", { hasText: "MUG-RED" }).first();
  assert.match(await row.innerText(), /12\s+40/);
  await page.setViewportSize({ width: 390, height: 844 });
  const figures = await page.locator("table.fold").first().locator("tr", { hasText: "main" }).innerText();
  assert.doesNotMatch(figures, /Units down|Not on the master|Missing there/, "a card on a phone leaves out what is zero");
  await page.setViewportSize({ width: 1280, height: 860 });
  await photograph(page, "first-sync-preview", { passing: true });
  const preview = page.url();
  await open("/demo");
  assert.equal(await level("leeds", "MUG-RED"), 12, "a preview writes nothing");
  await page.goto(preview);
  page.once("dialog", (dialog) => dialog.accept());
  await apply.click();
  await page.getByRole("link", { name: "See the items" }).waitFor({ timeout: FOLLOWS });
  assert.match(await page.locator("main").innerText(), /Levels that changed[\s\S]*MUG-RED/);
  await photograph(page, "first-sync-done", { passing: true });
  await open("/accounts");
  assert.equal(await page.getByText("first sync is missing").count(), 0, "all of them were taken in");
  await open("/demo");
  await everywhere("MUG-RED", 40);
  await everywhere("TEE-L", 55);
  await open("/item?sku=TEE-L");
  await page.locator("ol.feed").getByText("written to the stores because of the first sync").first().waitFor({ timeout: FOLLOWS });
  await open("/demo");
});

test("a sale on a replica is on every page without reloading it", async () => {
  const overview = await openPage(context), item = await openPage(context);
  await overview.goto(at("/"));
  await item.goto(at("/item?sku=MUG-RED"));
  await buy("Red mug", "leeds");
  await everywhere("MUG-RED", 39);
  await item.locator('[data-watch="level"]', { hasText: /^39$/ }).waitFor({ timeout: FOLLOWS });
  await item.locator("ol.feed").getByText(/1 sold \(order \d+\) in leeds/).first().waitFor({ timeout: FOLLOWS });
  await overview.locator("ol.feed").getByText(/1 sold \(order \d+\) in leeds/).first().waitFor({ timeout: FOLLOWS });
  assert.deepEqual([...overview.complaints, ...item.complaints], []);
  await overview.close();
  await item.close();
});

/** What is said of a store that is down: the way out on the overview, no all-clear elsewhere. */
async function broken(store) {
  await open("/");
  const needs = page.locator('[data-live="needs"]');
  await needs.getByText(`${store} does not answer`).waitFor({ timeout: FOLLOWS * 2 });
  assert.match(await needs.innerText(), /tried again by itself[\s\S]*If this lasts, see whether the store is up, then test the connection/);
  await open("/alerts");
  assert.equal(await page.getByText("Nothing is wrong").count(), 0);
  await open("/demo");
}

test("an edit on the master, a return, a lost webhook and an outage all end at what the books say", async () => {
  await setLevel("Blue mug", "main", 31);
  await everywhere("MUG-BLUE", 31);
  await page.getByRole("button", { name: "Take back the last order, leeds" }).click();
  await everywhere("MUG-RED", 40);
  await page.getByRole("button", { name: "Lose webhooks, york" }).click();
  await buy("Pen", "york");
  await everywhere("PEN-XY", 199);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  const [toast, last] = [await page.locator(".toast").boundingBox(), await page.locator(".shelf > .card").last().boundingBox()];
  assert.ok(last.y + last.height <= toast.y, "what is said of it hides nothing at the page's end");
  await page.getByRole("button", { name: "Take it down, leeds" }).click();
  await buy("Black cap", "york");
  await broken("leeds");
  await page.getByRole("button", { name: "Bring it back, leeds" }).click();
  await everywhere("CAP/BLACK", 29, FOLLOWS * 3);
  await page.getByRole("button", { name: "Deliver webhooks again, york" }).click();
  await photograph(page, "demo");
});

test("why a number is what it is: counted steps, rules and the last write", async () => {
  await open("/item?sku=MUG-RED");
  const why = page.locator('[data-live="why"]');
  assert.match((await why.innerText()).replace(/\s+/g, " "), /40 at the start .*40 in stock/);
  assert.match(await why.innerText(), /the store shows/);
});

test("editing stock: what is wrong stands beside the field, what is right reaches every store", async () => {
  await open("/item?sku=BAG+01");
  await page.getByLabel("Units").fill("many");
  await page.getByLabel("Reason").fill("stock take");
  await page.getByRole("button", { name: "Save" }).click();
  assert.match(await page.locator("#w-quantity").innerText(), /not a whole number/);
  assert.equal(await page.getByLabel("Reason").inputValue(), "stock take");
  await checkAxe(page, "item, refused");
  await page.getByLabel("Units").fill("24");
  await page.getByRole("button", { name: "Save" }).click();
  assert.match(await said(), /18 → 24/);
  await page.getByText(/by owner: stock take/).first().waitFor();
  await photograph(page, "item");
  await open("/demo");
  await everywhere("BAG 01", 24);
});

/** What the hub's API says, asked by the browser's session. */
const api = async (path) => (await context.request.get(at(`/api${path}`), { headers: { authorization: `Bearer ${demo.token}` } })).json();

test("undo: an item's edit is taken back after a preview, and what was sold since stays sold", async () => {
  await open("/item?sku=TEE-S");
  await page.getByLabel("Units").fill("75");
  await page.getByLabel("Reason").fill("miscounted");
  await page.getByRole("button", { name: "Save" }).click();
  assert.match(await said(), /60 → 75/);
  await open("/demo");
  await everywhere("TEE-S", 75);
  await buy("T-shirt, small", "york");
  await everywhere("TEE-S", 74);
  await open("/item?sku=TEE-S");
  await page.locator("#undo > summary").click();
  await page.locator("#undo").getByLabel("Edited in the last … minutes").fill("30");
  await photograph(page, "item-undo", { passing: true });
  await page.locator("#undo").getByRole("button", { name: "Preview" }).click();
  assert.match(await ended(), /TEE-S 74 59 −1/);
  const [preview] = (await api("/runs")).rows;
  assert.ok(preview.job && preview.state === "done", "the preview is a run");
  assert.equal((await api("/item?sku=TEE-S")).level, 74, "a preview changes nothing");
  accept();
  const before = page.url();
  await page.getByRole("button", { name: "Apply the restore" }).click();
  await page.waitForURL((address) => address.href !== before);
  await ended();
  await open("/demo");
  await everywhere("TEE-S", 59);
  assert.equal((await api("/item?sku=TEE-S")).level, 59, "60, less the one that was sold");
  await open("/item?sku=TEE-S");
  assert.equal(await page.locator('[data-watch="level"]').innerText(), "59");
  await page.locator("ol.feed").getByText(/1 sold \(order \d+\) in york/).first().waitFor();
  const why = (await page.locator('[data-live="why"]').innerText()).replace(/\s+/g, " ");
  assert.match(why, /60 at the start .*59 in stock/);
});

test("search finds by SKU, says what to do when there is none, and everything works by keyboard", async () => {
  await open("/items");
  await page.keyboard.press("/");
  await page.keyboard.type("shirt");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=shirt/);
  assert.equal(await page.locator("tbody tr").count(), 3);
  await photograph(page, "items-found", { passing: true });
  await open("/items?q=nowhere");
  assert.ok(await page.getByRole("link", { name: "Show all items" }).isVisible());
  await open("/items");
  await photograph(page, "items");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
});

test("an account is paused and resumed, and the overview says so", async () => {
  await open("/accounts/york");
  await photograph(page, "account");
  await page.getByRole("button", { name: "Pause" }).click();
  assert.match(await said(), /paused/);
  await open("/");
  assert.match(await page.locator('[data-live="needs"]').innerText(), /york is paused/);
  await photograph(page, "overview");
  await open("/demo");
  await buy("Pen", "main");
  await page.waitForFunction(() => document.querySelector('[data-live="books"] td[data-watch="PEN-XY#leeds"]').innerText === "198", null, { timeout: FOLLOWS });
  assert.equal(await level("york", "PEN-XY"), 199, "nothing is written to a paused store");
  await open("/accounts/york");
  await page.getByRole("button", { name: "Resume" }).click();
  await open("/demo");
  await everywhere("PEN-XY", 198);
});

test("replacing credentials with wrong ones leaves the former in force", async () => {
  await open("/accounts/york");
  await page.locator("#rotate > summary").click();
  await page.locator("#rotate").getByLabel("API key").fill("wrong");
  await page.getByRole("button", { name: "Replace" }).click();
  await page.locator("#rotate [data-said]").waitFor();
  await page.getByRole("button", { name: "Test the connection" }).click();
  await isConnected("york");
  await open("/accounts/york/remove");
  await photograph(page, "account-remove");
});

/** Opens a run's page until it has ended; gives what it shows. */
async function ended() {
  await page.waitForURL(/\/runs\/./);
  await page.locator('[data-live="run"] .badge', { hasText: "Done" }).first().waitFor({ timeout: FOLLOWS });
  return (await page.locator("main").innerText()).replace(/\s+/g, " ");
}
const accept = () => page.once("dialog", (dialog) => dialog.accept());

test("rules: what would change is shown, then every store follows, and the item says where its number comes from", async () => {
  await open("/rules");
  await photograph(page, "rules-empty", { passing: true });
  await page.getByLabel("In", { exact: true }).selectOption("leeds");
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByLabel("Hold back").fill("lots");
  await page.getByRole("button", { name: "Preview" }).click();
  assert.match(await page.locator("#w-hold_back").innerText(), /not a whole number .*; leave it empty to inherit it, or write "off" to switch it off/);
  await photograph(page, "rules-edit");
  await page.getByLabel("Hold back").fill("5");
  await page.getByRole("button", { name: "Preview" }).click();
  assert.match((await page.locator("tr", { hasText: "MUG-BLUE" }).innerText()), /leeds\s+31\s+26/);
  await photograph(page, "rules-preview", { passing: true });
  await page.getByRole("button", { name: "Apply" }).click();
  assert.match(await said(), /All items in leeds: set\. 8 levels change now/);
  await photograph(page, "rules");
  await open("/demo");
  await page.waitForFunction(() => document.querySelector('[data-live="books"] td[data-watch="MUG-BLUE#leeds"]').innerText === "26", null, { timeout: FOLLOWS });
  await open("/item?sku=MUG-BLUE");
  assert.match((await page.locator('[data-live="why"]').innerText()).replace(/\s+/g, " "), /hold back 5 by leeds/);
});

test("a bulk change over a saved filter is previewed and applied, to these items only", async () => {
  await open("/items?q=shirt");
  await page.locator("#more-filters > summary").click();
  await page.getByLabel("Save this filter as").fill("Shirts");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("link", { name: "Shirts" }).waitFor();
  await page.getByRole("link", { name: "All", exact: true }).click();
  await page.getByRole("link", { name: "Shirts" }).click();
  assert.equal(await page.locator("tbody tr").count(), 3);
  await photograph(page, "items-filter", { passing: true });
  await page.getByRole("link", { name: "Change these items" }).click();
  await photograph(page, "bulk");
  await page.getByRole("radio", { name: /Set a rule/ }).check();
  await page.getByLabel("Rule", { exact: true }).selectOption("cap");
  await page.getByLabel("Number").fill("10");
  await page.getByLabel("In", { exact: true }).selectOption("york");
  await page.getByRole("button", { name: "Preview" }).click();
  await page.getByRole("button", { name: "Apply to 3 items" }).waitFor({ timeout: FOLLOWS });
  await photograph(page, "bulk-preview");
  const preview = page.url();
  await page.getByRole("button", { name: "Apply to 3 items" }).click();
  await page.waitForURL((address) => address.href !== preview);
  await page.getByText("The stores follow").waitFor({ timeout: FOLLOWS });
  await open("/demo");
  await page.waitForFunction(() => document.querySelector('[data-live="books"] td[data-watch="TEE-M#york"]').innerText === "10", null, { timeout: FOLLOWS });
  assert.equal(await level("leeds", "TEE-M"), 75, "only york has a cap");
});

test("a kit shows what its parts are enough for, and takes them when it is sold", async () => {
  await open("/item?sku=PEN-XY");
  await page.getByRole("link", { name: "Make it a kit" }).click();
  await photograph(page, "kit");
  await page.getByLabel("Parts").fill("2 MUG-ROD");
  await page.getByRole("button", { name: "Preview" }).click();
  assert.match(await page.locator("#w-parts").innerText(), /MUG-ROD/);
  await page.getByLabel("Parts").fill("2 MUG-RED\n1 BAG 01");
  await page.getByRole("button", { name: "Preview" }).click();
  assert.match(await page.locator("main").innerText(), /enough for 20/);
  await photograph(page, "kit-preview", { passing: true });
  await page.getByRole("button", { name: "Apply" }).click();
  await open("/demo");
  await page.waitForFunction(() => document.querySelector('[data-live="books"] td[data-watch="PEN-XY#york"]').innerText === "20", null, { timeout: FOLLOWS });
  await buy("Pen", "york");
  await page.waitForFunction(() => document.querySelector('[data-live="books"] td[data-watch="MUG-RED#main"]').innerText === "38", null, { timeout: FOLLOWS });
  await open("/item?sku=MUG-RED");
  await page.locator("ol.feed").getByText(/2 sold as part of PEN-XY/).first().waitFor({ timeout: FOLLOWS });
  await photograph(page, "item-part-of-a-kit");
});

test("a stock file is previewed, carried in as a run, and taken back with what was sold since kept", async () => {
  await open("/stock-file");
  await page.getByLabel("Or paste its lines").fill("SKU;Stock\nCAP/BLACK;50\nNOPE;1\nTEE-S;many");
  await page.getByLabel("Reason").fill("stock take");
  await photograph(page, "stock-file");
  await page.getByRole("button", { name: "Preview" }).click();
  assert.match(await ended(), /2 things that could not be done.*line 3/);
  await photograph(page, "stock-file-preview", { passing: true });
  const shown = page.url();
  accept();
  await page.getByRole("button", { name: "Apply to 1 item" }).click();
  await page.waitForURL((address) => address.href !== shown);
  assert.match(await ended(), /What it changed.*CAP\/BLACK 29 50/);
  await photograph(page, "run");
  const run = page.url();
  await open("/demo");
  await page.waitForFunction(() => document.querySelector('[data-live="books"] td[data-watch="CAP/BLACK#york"]').innerText === "50", null, { timeout: FOLLOWS });
  await buy("Black cap", "york");
  await page.waitForFunction(() => document.querySelector('[data-live="books"] td[data-watch="CAP/BLACK#main"]').innerText === "49", null, { timeout: FOLLOWS });
  await page.goto(run);
  await page.getByRole("button", { name: "Take this run back …" }).click();
  assert.match(await ended(), /CAP\/BLACK 49 28 −1/);
  await photograph(page, "restore-preview", { passing: true });
  accept();
  await page.getByRole("button", { name: "Apply the restore" }).click();
  await page.waitForURL((address) => address.href !== run);
  await ended();
  await open("/demo");
  await page.waitForFunction(() => document.querySelector('[data-live="books"] td[data-watch="CAP/BLACK#main"]').innerText === "28", null, { timeout: FOLLOWS });
  await open("/item?sku=CAP/BLACK");
  await page.locator("ol.feed").getByText(/written to the stores because of (a stock file|what was taken back)/).first().waitFor({ timeout: FOLLOWS });
  assert.doesNotMatch(await page.locator("ol.feed").innerText(), /when its turn came/, "who asked for it is told");
  await open("/runs");
  await photograph(page, "runs");
  await page.locator('a[href^="/snapshots/"]').first().click();
  await photograph(page, "snapshot");
});

test("a wave of zeros is not believed: a person releases one product and sets the others back", async () => {
  const crates = Array.from({ length: 30 }, (_, number) => `CRATE-${String(number).padStart(2, "0")}`);
  for (const store of Object.values(stores)) {
    for (const sku of crates) await inStore(store, "products", { title: `Crate ${sku.slice(-2)}`, sku, stock: 9, active: true });
  }
  await open("/first-sync");
  await page.getByRole("button", { name: "Preview" }).click();
  await ended();
  accept();
  const preview = page.url();
  await page.getByRole("button", { name: "Apply the first sync" }).click();
  await page.waitForURL((address) => address.href !== preview);
  await ended();
  for (const sku of crates) await inStore(stores.main, "stock", { sku, quantity: 0, page: "product-import" });
  await open("/runs");
  await page.getByRole("button", { name: "Compare all stores" }).click();
  assert.match(await ended(), /In quarantine/);
  await photograph(page, "comparison", { passing: true });
  await open("/");
  assert.match(await page.locator('[data-live="needs"]').innerText(), /main is in quarantine/);
  await photograph(page, "overview-quarantine", { passing: true });
  await open("/accounts/main");
  await page.getByRole("link", { name: "Review what was seen" }).click();
  await page.getByLabel("Choose CRATE-00").check();
  await photograph(page, "quarantine");
  accept();
  await page.getByRole("button", { name: "The store is right: release" }).click();
  assert.match(await said(), /Decided about 1 listing; the others wait/);
  accept();
  await page.getByRole("button", { name: "Set the store back" }).click();
  assert.match(await said(), /Decided about 29 listings/);
  await page.waitForFunction(async () => /Healthy/.test(await (await fetch("/accounts/main")).text()), null, { timeout: FOLLOWS, polling: 300 });
  await open("/items?q=CRATE-0");
  const shows = (sku, level) => page.waitForFunction(([sku, level]) =>
    ["", "main", "york"].every((who) => document.querySelector(`td[data-watch="${sku}#${who}"]`)?.innerText.trim() === level), [sku, level], { timeout: FOLLOWS });
  await shows("CRATE-00", "0");
  await shows("CRATE-01", "9");
});

test("alerts, mapping, stock feeds and the settings of an account are there and say what to do", async () => {
  await open("/alerts");
  await photograph(page, "alerts");
  await page.getByLabel("Name", { exact: true }).fill("chat");
  await page.getByLabel("Chat webhook").check();
  await page.getByLabel("Address").fill("not an address");
  await page.getByRole("button", { name: "Add" }).click();
  assert.ok(await page.locator("#w-to").isVisible(), "what is wrong with the address stands beside it");
  await open("/accounts/leeds/mapping");
  await photograph(page, "mapping");
  await page.getByRole("button", { name: "Read the store" }).click();
  await page.getByText("Every product is matched.").waitFor({ timeout: FOLLOWS });
  await photograph(page, "mapping-read", { passing: true });
  await open("/stock-feeds");
  await photograph(page, "stock-feeds");
  await open("/stock-feeds/edit");
  await photograph(page, "stock-feeds-edit");
  await open("/accounts/leeds");
  accept();
  await page.getByRole("button", { name: "Freeze" }).click();
  assert.match(await said(), /frozen/);
  await photograph(page, "account-frozen", { passing: true });
  await page.getByRole("button", { name: "Thaw" }).click();
  assert.match(await said(), /goes on/);
  for (const path of ["warehouses", "warehouses/main", "users", "audit", "me"]) {
    await open(`/${path}`);
    await photograph(page, path.replace("warehouses/main", "warehouse"));
  }
  await open("/warehouses/main");
  assert.match(await page.locator("dl.tiles").innerText(), /SKUs\s+38\s+In stock\s+37\s+Units\s+[\d,]+/, "its totals");
});

test("a viewer sees everything and is offered nothing that the role does not allow", async () => {
  await open("/users");
  await page.getByLabel("Name", { exact: true }).fill("vera");
  await page.getByLabel("Password").first().fill("correct horse battery staple");
  await page.getByLabel("Viewer").check();
  await page.getByRole("button", { name: /Add/ }).click();
  const other = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const seen = await openPage(other);
  await seen.goto(at("/sign-in"));
  await seen.getByLabel("Name", { exact: true }).fill("vera");
  await seen.getByLabel("Password").fill("correct horse battery staple");
  await seen.getByRole("button", { name: "Sign in", exact: true }).click();
  await seen.waitForURL((address) => address.pathname === "/");
  for (const path of ["/items", "/item?sku=MUG-RED", "/accounts/leeds", "/rules", "/runs", "/queue", "/alerts", "/stock-feeds"]) {
    await seen.goto(at(path));
    assert.equal(await seen.locator("main form[method=post]").count(), 0, path);
    await checkAxe(seen, `${path} as a viewer`);
  }
  const answer = await seen.goto(at("/users"));
  assert.equal(answer.status(), 403);
  assert.match(await seen.locator("main").innerText(), /needs the role admin/);
  await other.close();
});

test("history and queue are readable on every screen", async () => {
  await open("/history");
  assert.ok(await page.locator("ol.feed > li").count() > 5);
  await photograph(page, "history");
  await open("/queue");
  await photograph(page, "queue");
  await open("/menu");
  await photograph(page, "menu");
  await open("/item?sku=NOPE");
  await photograph(page, "not-found", { passing: true });
});

test("the theme is kept, and times are in the viewer's zone", async () => {
  await open("/history");
  await page.evaluate(() => { delete document.documentElement.dataset.theme; });
  await page.locator("header.side").getByRole("button", { name: "Light or dark" }).click();
  const kept = async () => (await context.cookies()).some(({ name, value }) => name === "theme" && value === "dark");
  for (let tries = 0; tries < 50 && !(await kept()); tries += 1) await page.waitForTimeout(100);
  assert.ok(await kept(), "the choice is in a cookie");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.reload();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  const [shownTime, zone] = await page.locator("ol.feed time").first().evaluate((time) =>
    [time.textContent, new Date(time.dateTime).toLocaleTimeString("en-GB", { timeZone: "Europe/London" })]);
  assert.ok(shownTime.includes(zone.slice(0, 5)), `${shownTime} is not ${zone}`);
});

test("days are those of the viewer's clock with a script, and say UTC without", async () => {
  const far = await browser.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: "Pacific/Auckland", locale: "en-NZ" });
  await far.addCookies((await context.cookies()).filter(({ name }) => name === "evenstock"));
  const there = await openPage(far);
  const day = () => there.getByLabel(/^Day/);
  const local = (back = 0) => there.evaluate((back) => { const day = new Date(); day.setDate(day.getDate() - back); return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-"); }, back);
  const lines = () => there.locator("ol.feed > li").count();
  await there.goto(at("/history"));
  await there.waitForURL(/begins=/);
  assert.equal(await day().inputValue(), await local());
  assert.equal(await there.locator("label[for=f-day]").innerText(), "Day");
  const today = await lines();
  await there.getByRole("link", { name: "Day before" }).click();
  await there.waitForURL(/begins=/);
  assert.equal(await day().inputValue(), await local(1));
  const times = await there.locator("ol.feed time").evaluateAll((all) => all.map((time) => new Date(time.dateTime).toDateString()));
  assert.ok(new Set(times).size <= 1, `lines of one day only: ${[...new Set(times)]}`);
  assert.ok(today + times.length > 5, "what happened is on the one day or the other");
  await day().fill(await local());
  await there.getByRole("button", { name: "Show" }).click();
  await there.waitForURL(/begins=/);
  assert.equal(await day().inputValue(), await local());
  await there.goto(at("/audit"));
  assert.equal(await day().inputValue(), await local(), "kept from page to page, without a second request");
  assert.ok(!there.url().includes("begins="));
  assert.deepEqual(there.complaints, []);
  await far.close();
  const bare = await browser.newContext({ javaScriptEnabled: false, timezoneId: "Pacific/Auckland" });
  await bare.addCookies((await context.cookies()).filter(({ name }) => name === "evenstock"));
  const plain = await bare.newPage();
  await plain.goto(at("/history"));
  assert.equal(await plain.locator("label[for=f-day]").innerText(), "Day (UTC)");
  assert.equal(await plain.getByLabel("Day (UTC)").inputValue(), new Date().toISOString().slice(0, 10));
  await plain.getByRole("link", { name: "Day before" }).click();
  assert.equal(await plain.getByLabel("Day (UTC)").inputValue(), new Date(Date.now() - 86_400_000).toISOString().slice(0, 10));
  await bare.close();
});

test("without a script everything can be read, and forms work", async () => {
  const bare = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } });
  await bare.addCookies((await context.cookies()).filter(({ name }) => name === "evenstock"));
  const plain = await bare.newPage();
  const pages = ["/", "/items", "/item?sku=MUG-RED", "/accounts", "/accounts/leeds", "/first-sync", "/warehouses", "/rules", "/history",
    "/runs", "/queue", "/alerts", "/stock-file", "/users", "/audit", "/demo"];
  for (const path of pages) {
    await plain.goto(at(path));
    assert.ok((await plain.locator("main").innerText()).length > 100, path);
  }
  await plain.goto(at("/item?sku=MUG-RED"));
  assert.match(await plain.locator("ol.feed time").first().innerText(), /UTC$/);
  await plain.getByLabel("Add or take away").check();
  await plain.getByLabel("Units").fill("-1");
  await plain.getByLabel("Reason").fill("broken");
  await plain.getByRole("button", { name: "Save" }).click();
  assert.match(await plain.locator("[data-said]").innerText(), /38 → 37/);
  await bare.close();
});

test("forms of other sites, and sessions that have ended, change nothing", async () => {
  const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const csrf = await page.locator('input[name="csrf"]').first().inputValue();
  const edit = { sku: "MUG-RED", how: "set", quantity: "1", reason: "attack" };
  const send = (fields, headers) => fetch(at("/item/stock"), { method: "POST", redirect: "manual", body: new URLSearchParams(fields), headers: { cookie, ...headers } });
  assert.equal((await send(edit, { "sec-fetch-site": "same-origin" })).status, 403, "without the form's token");
  assert.equal((await send({ ...edit, csrf }, { "sec-fetch-site": "cross-site" })).status, 403, "from another site");
  assert.equal((await send({ ...edit, csrf }, { origin: "https://evil.example" })).status, 403, "from another origin");
  await page.locator("header.side").getByRole("button", { name: "Sign out" }).click();
  assert.equal(new URL(page.url()).pathname, "/sign-in");
  assert.equal((await send({ ...edit, csrf }, { "sec-fetch-site": "same-origin" })).status, 303, "led to the door");
  await signIn(page, demo.url, demo.token, "/item?sku=MUG-RED");
  assert.equal(await page.locator('[data-watch="level"]').innerText(), "37");
});

test("somebody whom an admin has named signs in through a provider, and by password when it is down", async () => {
  const provider = await startProvider();
  const hub = await startHub(["--allow-insecure-endpoints", "--oidc-issuer", provider.address, "--oidc-client-id", "hub", "--oidc-name", "Acme"]);
  const ours = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  try {
    const tab = await openPage(ours);
    await signIn(tab, hub.url, hub.token, "/users");
    await tab.getByLabel("Name", { exact: true }).fill("ann");
    await tab.getByLabel("At the sign-in provider").fill("Ann@example.com");
    await tab.getByLabel("Password").fill("correct horse battery staple");
    await tab.getByRole("button", { name: "Add" }).click();
    await tab.getByRole("link", { name: "ann" }).click();
    assert.equal(await tab.getByLabel("At the sign-in provider").inputValue(), "ann@example.com");
    await photograph(tab, "user");
    await tab.locator("header.side").getByRole("button", { name: "Sign out" }).click();
    await tab.goto(`${hub.url}/items`);
    await photograph(tab, "sign-in-provider");
    await tab.getByRole("link", { name: "Sign in with Acme" }).click();
    await tab.getByRole("link", { name: "I am Ann" }).click();
    await tab.waitForURL(`${hub.url}/items`);
    assert.match(await tab.locator("header.side").innerText(), /ann/);
    await tab.locator("header.side").getByRole("button", { name: "Sign out" }).click();
    provider.stop();
    await tab.goto(`${hub.url}/sign-in/provider/back?code=x&state=y`);
    assert.match(await tab.locator("[data-said]").innerText(), /Begin again/);
    await checkAxe(tab, "sign-in, refused by the provider");
    await tab.waitForTimeout(10_500); // until the hub asks again whether it is there
    await tab.getByRole("link", { name: "Sign in with Acme" }).click();
    assert.match(await tab.locator("[data-said]").innerText(), /Acme cannot be used at the moment: .* Try again in a minute, or sign in below/);
    await photograph(tab, "sign-in-provider-down", { passing: true });
    await tab.getByLabel("Name").fill("ann");
    await tab.getByLabel("Password").fill("correct horse battery staple");
    await tab.getByRole("button", { name: "Sign in", exact: true }).click();
    await tab.waitForURL((address) => !address.pathname.startsWith("/sign-in"));
    assert.deepEqual(tab.complaints, []);
  } finally {
    provider.stop();
    await ours.close();
    await hub.stop();
  }
});

test("no script failed and nothing broke the content policy on the way", () => {
  assert.deepEqual(page.complaints, []);
});
