// What the browser tests share: a demo hub with its fake stores, a browser, axe, and a place for pictures.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const root = resolve(import.meta.dirname, "../..");
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
/** The program under test. */
export const program = process.env.EVENSTOCK_PROGRAM ?? join(target, "debug/evenstock");
/** Where pictures go. */
export const pictures = join(root, ".tools/browser/pictures");
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** How long a page may take to follow a change in a store, milliseconds. */
export const FOLLOWS = 20_000;
/** Screens that every page is looked at on; axe sees each theme and each layout once. */
export const SCREENS = [
  { name: "wide-light", theme: "light", width: 1280, height: 860, axe: false },
  { name: "phone-light", theme: "light", width: 390, height: 844, axe: true },
  { name: "phone-dark", theme: "dark", width: 390, height: 844, axe: false },
  { name: "wide-dark", theme: "dark", width: 1280, height: 860, axe: true },
];

/** Starts a demo hub with fake stores that nobody has connected yet. */
export async function startDemo() {
  const child = spawn(program, ["demo", "--empty", "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((good, bad) => {
    createInterface({ input: child.stdout }).once("line", good);
    child.once("error", bad);
    child.once("exit", (code) => bad(new Error(`the demo ended with ${code}`)));
  });
  const { url, token } = JSON.parse(line);
  const stop = () => new Promise((gone) => { child.once("exit", gone); child.kill("SIGINT"); });
  return { url, token, stop };
}

/** Forgets the pictures of the last time. */
export const clearPictures = () => rmSync(pictures, { recursive: true, force: true });

/** Starts the fakes of a platform, three stores; gives what connects each, and a way to do something in it. */
export async function startFake(channel) {
  const child = spawn(program, ["fake", channel, "--json", "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  const accounts = await new Promise((good, bad) => {
    child.stdout.on("data", (text) => { said += text; try { good(JSON.parse(said)); } catch { /* not all of it yet */ } });
    child.once("exit", (code) => bad(new Error(`fake ended with ${code}`)));
  });
  const stores = accounts.map((account, place) => ({ address: new URL(account.settings.base_url).origin, business: 1001 + place }));
  const stop = () => new Promise((gone) => { child.once("exit", gone); child.kill("SIGINT"); });
  return { accounts, stores, stop };
}

/** Starts a hub of its own with these options, in a folder that is removed with it; or in one that is kept. */
export async function startHub(options, kept) {
  const folder = kept ?? mkdtempSync(join(tmpdir(), "evenstock-"));
  const child = spawn(program, ["serve", "--data", folder, "--listen", "127.0.0.1:0", ...options], { stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  await new Promise((good, bad) => {
    createInterface({ input: child.stdout }).on("line", (line) => { said += `${line}\n`; if (line.includes("Ctrl-C")) good(); });
    child.once("exit", (code) => bad(new Error(`serve ended with ${code}`)));
  });
  const stop = () => new Promise((gone) => {
    child.once("exit", () => { if (!kept) rmSync(folder, { recursive: true, force: true }); gone(); });
    child.kill("SIGINT");
  });
  return { url: said.match(/http:\/\/[\d.]+:\d+/)[0], token: said.match(/evs_[0-9a-f]+/)?.[0], stop };
}

/** A browser of this machine. */
export async function startBrowser() {
  const found = [process.env.EVENSTOCK_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser"];
  const executablePath = found.find((path) => path && existsSync(path));
  assert.ok(executablePath, "no Chromium here: apt-get install chromium, or name one in EVENSTOCK_CHROMIUM");
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
  return { browser, close: () => browser.close() };
}

/** A page on which no script may fail and nothing may break the content policy. */
export async function openPage(context) {
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(`script: ${error.message}`));
  page.on("console", (message) => {
    // a form that is sent back with what is wrong with it answers with a status that the browser logs
    if (message.type() === "error" && !/status of 4\d\d|status of 50\d/.test(message.text())) page.complaints.push(message.text());
  });
  return page;
}

/** Signs in with a token, as the printed link does. */
export async function signIn(page, url, token, next = "/") {
  await page.goto(`${url}/sign-in?next=${encodeURIComponent(next)}#${token}`);
  await page.waitForURL((address) => address.pathname !== "/sign-in");
}

/** Fails with every violation of WCAG 2.2 AA that axe finds. */
export async function checkAxe(page, where) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const told = violations.map((found) =>
    `${found.id} (${found.impact}): ${found.help}\n` + found.nodes.slice(0, 4).map((node) => `    ${node.target.join(" ")}: ${node.failureSummary?.split("\n")[1] ?? ""}`).join("\n"));
  assert.equal(told.length, 0, `${where}\n${told.join("\n")}`);
}

/** Takes pictures of a page on every screen; of a passing state of it only on those that axe sees. Nothing may stick out at the side. */
export async function photograph(page, name, { passing = false } = {}) {
  mkdirSync(pictures, { recursive: true });
  try {
    for (const screen of SCREENS.filter(({ axe }) => axe || !passing)) await look(page, name, screen, screen.axe);
  } finally {
    await page.setViewportSize({ width: 1280, height: 860 });
  }
}

async function look(page, name, screen, axe) {
  await page.setViewportSize({ width: screen.width, height: screen.height });
  await page.evaluate((theme) => { document.documentElement.dataset.theme = theme; }, screen.theme);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${name} on ${screen.name}: ${wide} pixels stick out at the side`);
  const loose = await page.evaluate(() => [...document.querySelectorAll("td.num")].filter((cell) => {
    const { textAlign, fontVariantNumeric } = getComputedStyle(cell);
    return !(/^(right|end)$/.test(textAlign) && fontVariantNumeric.includes("tabular-nums"));
  }).map((cell) => cell.textContent));
  assert.deepEqual(loose, [], `${name} on ${screen.name}: numbers that do not stand below each other`);
  // as tall as the page: what sticks to an edge of the screen stands at the page's, and hides nothing of it
  const height = await page.evaluate(() => { scrollTo(0, 0); return document.documentElement.scrollHeight; });
  if (height > screen.height) await page.setViewportSize({ width: screen.width, height });
  await page.screenshot({ path: join(pictures, `${name}.${screen.name}.png`), animations: "disabled" });
  if (axe) await checkAxe(page, `${name} on ${screen.name}`);
}

/** Waits until something is so, and fails with what it waited for. */
export async function patiently(look, what, patience = FOLLOWS * 3) {
  for (const began = Date.now(); Date.now() - began < patience; await new Promise((go) => setTimeout(go, 200))) if (await look()) return;
  assert.fail(`not within ${patience} ms: ${what}`);
}

/** Does something in a fake store through its own door, as its staff would: the hub hears of it as of anything else. */
export async function inStore(store, path, body) {
  const answer = await fetch(`${store.address}/_fake/${store.business}/${path}`, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  assert.ok(answer.ok, `${path}: ${await answer.text()}`);
}
