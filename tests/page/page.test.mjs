// The page in a real browser. CAIRN is the tool, STORE what record.cpp recorded; see run.sh.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import pixelmatch from "pixelmatch";
import { chromium } from "playwright-core";
import { PNG } from "pngjs";

const { CAIRN, STORE, SIZES, RECORD, CHROMIUM = "/usr/bin/chromium", PICTURES = join(tmpdir(), "cairn-pictures"), NEW_PICTURES } = process.env;
const folder = mkdtempSync(join(tmpdir(), "cairn-page-"));
const report = join(folder, "report.html");
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

let browser;
before(async () => {
  execFileSync(CAIRN, ["export", "r0", "r1", "r2", "r3", "r4", "--html", report, "--dir", STORE]);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
});
after(() => browser?.close());

/** A page that must not fail, ask the network for anything, or say something by itself. */
async function open(view = "", size = { width: 1280, height: 900 }) {
  const context = await browser.newContext({ viewport: size, colorScheme: "light" });
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("dialog", (dialog) => (problems.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("request", (request) => /^(file|data):/.test(request.url()) || problems.push(request.url()));
  await page.goto(`file://${report}${view && "#" + view}`);
  await page.locator("aside li").first().waitFor();
  return {
    page,
    async done() {
      assert.deepEqual(problems, []);
      await context.close();
    },
  };
}
/** The same of a server, or of another file: it may ask this one for more. */
async function look_at(url) {
  const own = url.startsWith("file:") ? url.split("#")[0] : new URL(url).origin;
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" })).newPage();
  const problems = [];
  const asked = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    asked.push(request.url());
    if (!request.url().startsWith(own) && !/^(data|blob):/.test(request.url())) problems.push(request.url());
  });
  await page.goto(url);
  await page.locator("aside li").first().waitFor();
  return {
    page,
    asked,
    async done() {
      assert.deepEqual(problems, []);
      await page.context().close();
    },
  };
}
/** Waits until the address says this of a part of the view; null: nothing. */
const in_address = (page, name, value) =>
  page.waitForFunction(([name, value]) => new URLSearchParams(location.hash.slice(1)).get(name) === value, [name, value && JSON.stringify(value)]);
/** Waits until a card has drawn. */
async function drawn(page, metric) {
  const card = page.locator(`[data-metric="${metric}"]`);
  await card.scrollIntoViewIfNeeded();
  await card.locator("canvas").waitFor();
  return card;
}
/** How many pixels of a card's canvas are near a colour. */
const pixels = (card, hex) =>
  card.locator("canvas").evaluate((canvas, hex) => {
    const want = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 200 && want.every((value, k) => Math.abs(data[i + k] - value) < 24)) count++;
    return count;
  }, hex);

describe("the report", () => {
  test("opens from a file and draws every metric, in groups", async () => {
    const { page, done } = await open();
    assert.deepEqual(await page.locator(".group summary").allTextContents(), ["metrics 2", "train 1", "val 2"]);
    const card = await drawn(page, "train/loss");
    assert.match(await card.locator("footer").textContent(), /^100,000 points → [\d,]+ buckets, exact min and max · 39 not finite$/);
    assert.match(await (await drawn(page, "lr")).locator("footer").textContent(), /^200 points, every one$/);
    assert.ok((await pixels(card, "#3465a4")) > 100, "the first run is drawn");
    await done();
  });

  test("the one spike among 20,000 rows is there, and outliers can be left out", async () => {
    const { page, done } = await open("metrics=train/loss");
    const card = await drawn(page, "train/loss");
    await page.locator("aside li", { hasText: "wide" }).locator("input").setChecked(true);
    const ticks = () => card.evaluate((node) => node.querySelector(".u-axis, canvas") && node.querySelectorAll("canvas").length);
    assert.equal(await ticks(), 1);
    // At the top of the plot there is only the spike's colour.
    const top = (colour) =>
      card.locator("canvas").evaluate((canvas, colour) => {
        const want = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
        const { data } = canvas.getContext("2d").getImageData(70, 0, canvas.width - 80, canvas.height / 2);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 40 && want.every((v, k) => Math.abs(data[i + k] - v) < 40)) count++;
        return count;
      }, colour);
    const spike = await top("#c8443c");
    assert.ok(spike > 20, `the spike is drawn: ${spike}`);
    await page.getByLabel("outliers").uncheck();
    await page.waitForFunction(() => location.hash.includes("outliers=false"));
    await page.waitForTimeout(200);
    assert.ok((await top("#3465a4")) > 100, "without outliers the curves fill the plot");
    await done();
  });

  test("a drag zooms all charts, a double click shows all again", async () => {
    const { page, done } = await open("metrics=loss");
    const card = await drawn(page, "train/loss");
    const over = card.locator(".u-over");
    const box = await over.boundingBox();
    await page.mouse.move(box.x + box.width * 0.25, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.waitForFunction(() => location.hash.includes("zoom="));
    const [from, to] = JSON.parse(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("zoom"));
    assert.ok(Math.abs(from - 5000) < 300 && Math.abs(to - 10000) < 300, `${from} to ${to}`);
    await page.getByRole("button", { name: "reset zoom" }).waitFor();
    await (await drawn(page, "val/loss")).locator(".u-over").dblclick();
    await page.waitForFunction(() => !location.hash.includes("zoom="));
    await done();
  });

  test("the crosshair tells the values of all runs, in every chart", async () => {
    const { page, done } = await open("metrics=loss");
    const card = await drawn(page, "train/loss");
    await drawn(page, "val/loss");
    const before = await card.locator(".legend b").allTextContents();
    const box = await card.locator(".u-over").boundingBox();
    await page.mouse.move(box.x + box.width * 0.02, box.y + 30);
    await page.waitForFunction(() => document.querySelector('[data-metric="val/loss"] .legend')?.textContent.includes("at "));
    assert.notDeepEqual(await card.locator(".legend b").allTextContents(), before);
    await done();
  });

  test("marks tell what was saved, what became of it, and why", async () => {
    const { page, done } = await open("metrics=val/loss&hidden=[%22r1%22,%22r2%22,%22r3%22,%22r4%22]");
    const card = await drawn(page, "val/loss");
    const box = await card.locator(".u-over").boundingBox();
    await page.mouse.move(box.x + 1, box.y + 40);
    await card.locator(".mark").waitFor();
    assert.match(await card.locator(".mark").textContent(), /model:v0 at step 0, removed\. best\(val\/loss, min\).*first value/);
    await page.getByLabel("checkpoints").uncheck();
    await page.mouse.move(box.x + 2, box.y + 41);
    await page.waitForTimeout(200);
    assert.equal(await card.locator(".mark").count(), 0);
    await done();
  });

  test("alerts stand on the curves", async () => {
    const { page, done } = await open("metrics=train/loss&hidden=[%22r0%22,%22r1%22,%22r2%22,%22r4%22]");
    const card = await drawn(page, "train/loss");
    const step = await page.evaluate(() => JSON.parse(document.getElementById("inside").textContent).events["mnist/r3"].alerts[0].step);
    const { width } = await card.locator(".u-over").boundingBox();
    const x = (step / 20_000) * width;
    await card.locator(".u-over").hover({ position: { x, y: 40 } });
    await card.locator(".mark", { hasText: `⚑ the loss <i>rises</i>: since 2 epochs (warn, <img src=x onerror=alert(1)>, step ${step})` }).waitFor();
    await page.mouse.move(0, 0);
    // Of its flag, in the run's colour; without marks there is none of it so far up.
    const flag = () =>
      card.locator("canvas").evaluate((canvas, x) => {
        const over = document.querySelector(".u-over").getBoundingClientRect(), own = canvas.getBoundingClientRect(), scale = canvas.width / own.width;
        const { data } = canvas.getContext("2d").getImageData((over.left - own.left + x - 10) * scale, (over.top - own.top + 2) * scale, 20 * scale, 5 * scale);
        return data.filter((red, i) => i % 4 === 0 && [red, data[i + 1], data[i + 2]].every((c, k) => Math.abs(c - [0xca, 0x8b, 0x12][k]) < 24)).length;
      }, x);
    assert.ok((await flag()) > 15, `${await flag()}`);
    await page.getByLabel("checkpoints").uncheck();
    await page.waitForFunction(() => location.hash.includes("marks=false"));
    await page.waitForTimeout(200);
    assert.equal(await flag(), 0);
    await done();
  });

  test("on paper there are the charts, and nothing to press", async () => {
    const { page, done } = await open("metrics=loss");
    await drawn(page, "train/loss");
    await page.emulateMedia({ media: "print" });
    for (const what of ["aside", ".tools", "button"]) assert.ok((await page.locator(what).evaluateAll((all) => all.every((one) => getComputedStyle(one).display === "none" || !one.offsetParent))), what);
    assert.ok(await page.locator('[data-metric="train/loss"] canvas').isVisible());
    await done();
  });

  test("smoothing, axes and scales are in the address, and come back from it", async () => {
    const { page, done } = await open();
    await page.getByLabel("smoothing", { exact: true }).selectOption("exponential");
    await page.getByLabel("how much smoothing").fill("0.9");
    await page.getByLabel("x axis").selectOption("relative");
    await page.getByLabel("log y").check();
    await page.getByLabel("search metrics").fill("loss");
    await page.waitForFunction(() => location.hash.includes("metrics=loss"));
    const hash = new URL(page.url()).hash.slice(1);
    assert.deepEqual(Object.fromEntries(new URLSearchParams(hash)), { smoothing: "exponential", weight: "0.9", axis: "relative", log_y: "true", metrics: "loss" });
    await done();
    const again = await open(hash);
    assert.equal(await again.page.getByLabel("how much smoothing").inputValue(), "0.9");
    assert.deepEqual(await again.page.locator(".card").evaluateAll((all) => all.map((card) => card.dataset.metric)), ["train/loss", "val/loss"]);
    await drawn(again.page, "train/loss");
    await again.done();
  });

  test("an address from anywhere is text, and what is no view is ignored", async () => {
    const { page, done } = await open("axis=evil&zoom=[1]&hidden=5&weight=%22x%22&page=constructor&metrics=%5B(&__proto__=1");
    assert.equal(await page.getByLabel("x axis").inputValue(), "step");
    assert.match(await page.locator(".empty").textContent(), /No metric matches/);
    await done();
  });

  test("names, notes and reasons are text", async () => {
    const { page, done } = await open("page=run&run=r3");
    await page.locator(".run h2").waitFor();
    assert.match(await page.locator(".run h2").textContent(), /<img src=x onerror=alert\(1\)>/);
    assert.match(await page.locator("p.bad").textContent(), /it diverged <b>on purpose<\/b>/);
    assert.equal(await page.locator("dd.text").textContent(), "</script><script>alert(2)</script>");
    assert.equal(await page.locator(".run img, .run dd b").count(), 0);
    await done();
  });

  test("the page of a run has config, metrics, versions and decisions", async () => {
    const { page, done } = await open("page=run&run=r0");
    const part = (title) => page.locator("details.part", { has: page.locator("summary", { hasText: title }) });
    assert.match(await part("Config").textContent(), /optimizer\.lr0\.001/);
    assert.match(await part("Metrics").textContent(), /val\/loss/);
    assert.match(await part("Versions").textContent(), /cairn artifact get mnist\/model:v\d+/);
    assert.match(await part("Decisions").textContent(), /saved model:v0.*is the first value/);
    await done();
  });

  test("the table sorts by any column, and the search is a pattern", async () => {
    const { page, done } = await open("page=table");
    const names = () => page.locator("tbody th").allTextContents();
    await page.getByRole("button", { name: "optimizer.lr" }).click();
    assert.equal((await names())[0], "baseline");
    await page.getByRole("button", { name: "optimizer.lr" }).click();
    assert.equal((await names())[0], "small-lr");
    await page.getByLabel("search runs").fill("^(wide|deep)");
    assert.deepEqual((await names()).sort(), ["deep", "wide"]);
    await page.getByLabel("search runs").fill("odd");
    assert.equal((await names()).length, 2);
    await page.getByLabel("search runs").fill("");
    await page.getByLabel("project").selectOption("other");
    assert.deepEqual(await names(), ["small-lr"]);
    await done();
  });

  test("pinned runs stay at the top, of the table and of the list, and in the address", async () => {
    const { page, done } = await open("page=table&sort=config:optimizer.lr&descending=true");
    const names = () => page.locator("tbody th[scope=row]").allTextContents();
    assert.equal((await names()).at(-1), "baseline");
    await page.locator("tbody").getByRole("button", { name: "pin baseline" }).click();
    await page.locator("tbody.pinned tr").waitFor();
    assert.deepEqual((await names()).slice(0, 2), ["baseline", "small-lr"]);
    assert.equal((await names()).length, 5);
    assert.match(await page.locator("aside li").first().textContent(), /baseline/);
    await in_address(page, "pinned", ["mnist/r0"]);
    await page.locator("aside").getByRole("button", { name: "pin wide" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll("tbody.pinned tr").length === 2);
    assert.deepEqual((await names()).slice(0, 3), ["wide", "baseline", "small-lr"]); // sorted among themselves
    await page.getByLabel("group by").selectOption({ label: "tags" });
    assert.deepEqual((await names()).slice(0, 2), ["wide", "baseline"]);
    assert.equal((await names()).length, 5); // none of them twice
    await page.getByRole("button", { name: "unpin all" }).click();
    assert.equal(await page.locator("tbody.pinned").count(), 0);
    await in_address(page, "pinned", null);
    await done();
  });

  test("the table has the columns that were chosen, in their order, from the address", async () => {
    const { page, done } = await open("page=table");
    const heads = (of = page) => of.locator("thead th").allTextContents();
    assert.equal((await heads())[1], "state");
    await page.getByRole("button", { name: /^columns/ }).click();
    const panel = page.getByRole("dialog", { name: "columns" });
    await panel.getByRole("button", { name: "none" }).click();
    assert.deepEqual(await heads(), ["run"]);
    await panel.getByLabel("search columns").fill("loss|lr|group");
    for (const name of ["optimizer.lr", "val/loss (min)", "train/loss (max)"]) await panel.getByLabel(name, { exact: true }).check();
    assert.deepEqual(await heads(), ["run", "optimizer.lr", "val/loss (min)", "train/loss (max)"]);
    await panel.getByRole("button", { name: "train/loss (max) further left" }).click();
    await in_address(page, "columns", ["config:optimizer.lr", "max:train/loss", "best:val/loss"]);
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "train/loss (max)" }).click();
    await page.getByRole("button", { name: "train/loss (max)" }).click();
    const wide = page.locator("tbody tr").first();
    assert.match(await wide.textContent(), /wide/); // the one with the spike
    assert.equal(await wide.locator("td").nth(1).textContent(), "40");
    await page.waitForFunction(() => location.hash.includes("sort=max"));
    await in_address(page, "descending", null); // as of the second click: it is the usual way
    const hash = new URL(page.url()).hash.slice(1);
    await done();
    const again = await open(hash);
    assert.deepEqual(await heads(again.page), ["run", "optimizer.lr", "train/loss (max) ↓", "val/loss (min)"]);
    await again.page.getByRole("button", { name: /^columns/ }).click();
    await again.page.getByRole("button", { name: "usual ones" }).click();
    assert.ok((await heads(again.page)).length > 8);
    await again.done();
    const hostile = await open('page=table&columns=["constructor","last:__proto__","best","nothing:x",""]');
    assert.deepEqual(await heads(hostile.page), ["run", "__proto__"]);
    await hostile.done();
  });

  test("a run has the colour that was chosen for it, by keyboard too, and from the address", async () => {
    const { page, done } = await open("metrics=train/loss");
    const card = await drawn(page, "train/loss");
    const before = await pixels(card, "#983668");
    const dot = page.locator("aside").getByRole("button", { name: "colour of baseline" });
    await dot.focus();
    await page.keyboard.press("Enter");
    const choice = page.getByRole("dialog", { name: "colour of baseline" });
    assert.equal(await choice.locator(":focus").getAttribute("aria-label"), "blue"); // the one that it has
    for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await choice.waitFor({ state: "hidden" });
    assert.ok(await dot.evaluate((button) => button === document.activeElement), "the focus is back");
    await in_address(page, "colours", { "mnist/r0": 6 });
    await page.waitForTimeout(200);
    assert.ok((await pixels(card, "#983668")) > before + 100, "its curve has it");
    const hash = new URL(page.url()).hash.slice(1);
    await done();
    const again = await open(hash);
    const of = (name) => again.page.locator("aside").getByRole("button", { name: `colour of ${name}` });
    const shade = (name) => of(name).locator(".dot").evaluate((dot) => getComputedStyle(dot).backgroundColor);
    assert.equal(await shade("baseline"), "rgb(152, 54, 104)");
    await of("baseline").click();
    await again.page.getByRole("button", { name: "as given" }).click();
    await in_address(again.page, "colours", null);
    assert.equal(await shade("baseline"), "rgb(52, 101, 164)");
    await again.done();
    for (const colours of ['{"mnist/r0":99}', '{"mnist/r0":"red"}', "[", "null"]) {
      const hostile = await open(`colours=${colours}`);
      assert.equal(await hostile.page.locator("aside .dot").count(), 5);
      await hostile.done();
    }
  });

  test("no two colours are one for those who see few", async () => {
    // Machado, Oliveira and Fernandes 2009, of linear RGB; then distances in Oklab, a hundredth of its black to white.
    const sights = {
      usual: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
      protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
      deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
      tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    };
    const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, m, i) => sum + m * vector[i], 0));
    const linear = (text) => text.match(/\d+/g).slice(0, 3).map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    const oklab = (rgb) => {
      const lms = times([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]], rgb.map((c) => Math.min(1, Math.max(0, c))));
      return times([[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]], lms.map(Math.cbrt));
    };
    const luminance = (rgb) => 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
    for (const theme of ["light", "dark"]) {
      const { page, done } = await open(`theme=${theme}`);
      await page.locator("aside").getByRole("button", { name: "colour of baseline" }).click();
      const colours = (await page.locator(".swatch i").evaluateAll((all) => all.map((one) => getComputedStyle(one).backgroundColor))).map(linear);
      const ground = linear(await page.evaluate(() => getComputedStyle(document.querySelector(".card")).backgroundColor));
      assert.equal(colours.length, 10);
      for (const colour of colours) {
        const [less, more] = [luminance(colour) + 0.05, luminance(ground) + 0.05].sort((a, b) => a - b);
        assert.ok(more / less > 2.8, `${theme}: ${colour} stands out from the ground by ${more / less}`);
      }
      for (const [name, sight] of Object.entries(sights)) {
        const seen = colours.map((rgb) => oklab(times(sight, rgb)));
        for (let i = 0; i < seen.length; i++)
          for (let k = 0; k < i; k++) {
            const apart = 100 * Math.hypot(...seen[i].map((c, at) => c - seen[k][at]));
            assert.ok(apart > 5, `${theme}, ${name}: colours ${k} and ${i} are ${apart.toFixed(1)} apart`);
          }
      }
      await done();
    }
  });

  test("compare shows what differs", async () => {
    const { page, done } = await open("page=compare");
    assert.match(await page.locator("main").textContent(), /config\.optimizer\.lr/);
    assert.doesNotMatch(await page.locator("main").textContent(), /config\.batch_size/);
    await page.getByLabel("only what differs").uncheck();
    assert.match(await page.locator("main").textContent(), /config\.batch_size/);
    await done();
  });

  test("keys do what they say", async () => {
    const { page, done } = await open();
    await page.keyboard.press("t");
    await page.locator("table").waitFor();
    await page.keyboard.press("c");
    await page.keyboard.press("l");
    assert.ok(await page.getByLabel("log y").isChecked());
    await page.keyboard.press("m");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("/");
    await page.keyboard.type("deep");
    assert.equal(await page.locator("aside li").count(), 1);
    await done();
  });

  for (const [name, view, size, then] of [
    ["charts", "", { width: 1280, height: 900 }],
    ["charts, dark", "theme=dark", { width: 1280, height: 900 }],
    ["the table", 'page=table&pinned=["mnist/r1"]', { width: 1280, height: 900 }],
    ["the table's columns", "page=table", { width: 1280, height: 900 }, (page) => page.getByRole("button", { name: /^columns/ }).click()],
    ["the colours", "", { width: 1280, height: 900 }, (page) => page.locator("aside").getByRole("button", { name: "colour of wide" }).click()],
    ["the colours on a phone, dark", "theme=dark", { width: 390, height: 844 }, (page) => page.locator("aside").getByRole("button", { name: "colour of wide" }).click()],
    ["a run", "page=run&run=r0", { width: 1280, height: 900 }],
    ["a run, dark", "page=run&run=r3&theme=dark", { width: 1280, height: 900 }],
    ["artifacts", "page=artifacts", { width: 1280, height: 900 }],
    ["compare", "page=compare", { width: 1280, height: 900 }],
    ["a phone", "", { width: 390, height: 844 }],
  ])
    test(`no serious fault of accessibility: ${name}`, async () => {
      const { page, done } = await open(view, size);
      if (!view.includes("page=")) await drawn(page, "train/loss");
      await then?.(page);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run());
      const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      assert.deepEqual(grave.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing runs out of the page");
      await done();
    });
});

describe("as it looked when somebody looked at it", () => {
  // Nothing that differs from one recording to the next: no times, no durations.
  const columns = JSON.stringify(["state", "tags", "config:batch_size", "config:optimizer.lr", "best:val/loss", "max:train/loss"]);
  for (const [name, view, size = { width: 1280, height: 900 }] of [
    ["charts", ""],
    ["charts_dark", "theme=dark"],
    ["charts_on_a_phone", "", { width: 390, height: 844 }],
    ["table", `page=table&columns=${columns}`],
    ["compare", "page=compare"],
  ])
    test(name, async () => {
      const { page, done } = await open(view, size);
      if (!view.includes("page=")) await page.locator("[data-metric]").first().waitFor();
      await page.waitForFunction(() => {
        const is_drawn = (card) => card.querySelector("canvas") && card.querySelector("footer").textContent !== "…";
        const in_sight = [...document.querySelectorAll("[data-metric]")].filter((card) => card.getBoundingClientRect().top < innerHeight);
        return in_sight.every(is_drawn);
      });
      await page.waitForTimeout(300); // and shown
      const seen = PNG.sync.read(await page.screenshot({ animations: "disabled" }));
      const known_file = fileURLToPath(new URL(`pictures/${name}.png`, import.meta.url));
      if (NEW_PICTURES) writeFileSync(known_file, PNG.sync.write(seen));
      const known = PNG.sync.read(readFileSync(known_file));
      assert.deepEqual([seen.width, seen.height], [known.width, known.height]);
      const difference = new PNG({ width: seen.width, height: seen.height });
      const count = pixelmatch(seen.data, known.data, difference.data, seen.width, seen.height, { threshold: 0.2 });
      const most = 0.001 * seen.width * seen.height; // another version of the browser draws a letter otherwise
      if (count > most) {
        mkdirSync(PICTURES, { recursive: true });
        for (const [what, png] of Object.entries({ seen, difference })) writeFileSync(join(PICTURES, `${name}.${what}.png`), PNG.sync.write(png));
      }
      assert.ok(count <= most, `${count} pixels differ from pictures/${name}.png, at most ${most} may: see ${PICTURES}`);
      await done();
    });
});

const serving = new Set();
after(() => serving.forEach((child) => child.kill())); // those of tests that failed: nothing waits for them

/** `cairn serve`, until `stop`. */
async function serve(port = 0, store = STORE, ...more) {
  const child = spawn(CAIRN, ["serve", "--port", String(port), "--dir", store, ...more], { stdio: ["ignore", "pipe", "inherit"] });
  serving.add(child);
  child.on("exit", () => serving.delete(child));
  const url = await new Promise((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (piece) => (text += piece).includes("\n") && resolve(text.trim()));
    child.on("exit", (code) => reject(new Error(`cairn serve ended with ${code}`)));
  });
  return {
    url,
    stop: () => new Promise((resolve) => (child.on("exit", resolve), child.kill())),
  };
}

describe("the server", () => {
  test("serves the same page, which asks only that server", async () => {
    const server = await serve();
    const page = await (await browser.newContext()).newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("request", (request) => request.url().startsWith(server.url) || request.url().startsWith("data:") || problems.push(request.url()));
    await page.goto(server.url);
    await page.locator("aside li").first().waitFor();
    await drawn(page, "train/loss");
    await page.getByLabel("how much smoothing").fill("0.9");
    await page.waitForFunction(() => location.hash.includes("weight=0.9"));
    await page.goto(`${server.url}#metrics=train/loss&zoom=[7000,7200]`);
    const footer = (await drawn(page, "train/loss")).locator("footer");
    await page.waitForFunction(() => /every one/.test(document.querySelector('[data-metric="train/loss"] footer').textContent));
    assert.match(await footer.textContent(), /^1,005 points, every one/); // 201 of each run: asked again, and exact
    assert.deepEqual(problems, []);
    await page.context().close();
    await server.stop();
  });

  test("a run that goes on is followed, and a server that comes back is found again", async () => {
    const server = await serve();
    const live = spawn(RECORD, [STORE, "live", "600"], { stdio: "inherit" });
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${server.url}#metrics=live/loss`);
    const footer = (await drawn(page, "live/loss")).locator("footer");
    const points = async () => Number((await footer.textContent()).match(/^([\d,]+) points/)?.[1].replace(",", "") ?? 0);
    const grows = async () => {
      const before = await points();
      for (let i = 0; i < 100 && (await points()) <= before; i++) await page.waitForTimeout(100);
      assert.ok((await points()) > before, "more points came");
    };
    await grows();
    await page.locator("aside li", { hasText: "live" }).locator(".state.running").waitFor();
    await server.stop();
    await page.getByRole("alert").waitFor();
    const again = await serve(Number(new URL(server.url).port));
    await page.getByRole("alert").waitFor({ state: "detached" });
    await grows();
    live.kill();
    await page.locator("aside li", { hasText: "live" }).locator(".state.crashed").waitFor();
    await page.context().close();
    await again.stop();
  });

  /** What they are, at which step, and never more than text. */
  const see_rich_values = async (url) => {
    const { page, done } = await look_at(`${url}#page=run&run=other/r4`);
    const card = (metric) => page.locator(`[data-media="${metric}"]`);
    await card("confusion").getByRole("cell", { name: "171" }).first().waitFor();
    assert.equal(await card("confusion").getByRole("rowheader", { name: "<b>dog</b>" }).count(), 1);
    const shows = (metric, text) => card(metric).filter({ hasText: text }).waitFor(); // each comes when it has come
    await shows("errors", /and 50 more rows/);
    assert.match(await card("errors").locator("td").nth(2).textContent(), /^<img src=x onerror=alert\(4\)>$/);
    await shows("roc", /area 0\.7729/);
    await shows("mesh", /model\/gltf-binary, 2\.0 KiB/);
    await shows("temperature", /<b>at noon<\/b>/);
    await page.waitForFunction(() => document.querySelector('[data-media="dot"] img').naturalWidth === 1);
    await page.waitForFunction(() => document.querySelector('[data-media="voice"] audio').duration === 0.5);
    const field = await card("temperature").locator("canvas").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, 60, 40);
      const at = (x, y) => [...data.subarray(4 * (y * 60 + x), 4 * (y * 60 + x) + 4)];
      return { size: [canvas.width, canvas.height], warm: at(14, 0), cold: at(42, 0) };
    });
    assert.deepEqual(field.size, [60, 40]);
    assert.ok(field.warm[0] > 240 && field.warm[1] > 220, "the greatest is yellow");
    assert.ok(field.cold[0] < 75 && field.cold[1] < 30, "the least is violet");

    const sample = card("sample");
    assert.equal(await sample.locator("pre").textContent(), "step 19000\n<script>alert(3)</script>");
    await sample.getByRole("slider").fill("3");
    await page.waitForFunction(() => document.querySelector('[data-media="sample"] pre').textContent.startsWith("step 3000"));
    assert.match(await sample.locator("footer").textContent(), /step 3000, 20 of steps 0 to 19000/);

    const weights = card("parameters/fc.weight");
    assert.equal(await weights.locator("canvas.heat").evaluate((canvas) => canvas.width), 20);
    assert.match(await weights.locator("svg").getAttribute("aria-label"), /^2 k values from/);
    const [file] = await Promise.all([page.waitForEvent("download"), sample.getByRole("button", { name: "save" }).click()]);
    assert.equal(file.suggestedFilename(), "sample-3000.txt");
    assert.equal(readFileSync(await file.path(), "utf8"), "step 3000\n<script>alert(3)</script>");
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document.querySelector("main") ?? document));
    assert.deepEqual(violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
    await done();
  };
  test("images, tables, histograms", async () => {
    const server = await serve();
    await see_rich_values(server.url);
    await server.stop();
  });
  test("images, tables, histograms in a report", () => see_rich_values(`file://${report}`));

  test("where a run was made, and what it wanted somebody to hear of", async () => {
    const server = await serve();
    const { page, done } = await look_at(`${server.url}#page=run&run=mnist/r3`);
    await page.getByText("the loss <i>rises</i>").waitFor();
    assert.match(await page.locator("dl").textContent(), /commandbuild\/page\/record|command.*record/);
    assert.match(await page.locator("dl").textContent(), /compiler(g\+\+|clang)/);
    assert.match(await page.locator("dl").textContent(), /commitc{12} wider, changed since/);
    await done();
    await server.stop();
  });

  test("curves wait for no decisions; marks come when they do", async () => {
    const server = await serve();
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
    let answer;
    const may_answer = new Promise((go) => (answer = go));
    await page.route("**/api/decisions*", (route) => may_answer.then(() => route.continue()));
    await page.goto(`${server.url}#metrics=val/loss&runs=baseline`);
    const card = await drawn(page, "val/loss");
    await page.waitForFunction(() => /^40 points/.test(document.querySelector('[data-metric="val/loss"] footer').textContent));
    const box = await card.locator(".u-over").boundingBox();
    await page.mouse.move(box.x + 1, box.y + 40);
    await card.locator(".legend", { hasText: "at " }).waitFor();
    assert.equal(await card.locator(".mark").count(), 0);
    answer();
    for (let i = 0; i < 100 && !(await card.locator(".mark").count()); i++) {
      await page.waitForTimeout(50);
      await page.mouse.move(box.x + 1 + (i % 2), box.y + 41);
    }
    assert.match(await card.locator(".mark").textContent(), /model:v0 at step 0/);
    await page.context().close();
    await server.stop();
  });

  test("one metric over another, asked of the server", async () => {
    const server = await serve();
    const { page, done } = await look_at(`${server.url}#metrics=val/loss&runs=baseline`);
    await drawn(page, "val/loss");
    await page.getByLabel("x axis").selectOption({ label: "train/loss" });
    await page.waitForFunction(() => location.hash.includes("x=train"));
    const footer = (await drawn(page, "val/loss")).locator("footer");
    await page.waitForFunction(() => /40 points → \d+ buckets/.test(document.querySelector('[data-metric="val/loss"] footer').textContent));
    assert.match(await footer.textContent(), /exact min and max/);
    await page.keyboard.press("x");
    await page.waitForFunction(() => !location.hash.includes("x=train"));
    await done();
    await server.stop();
  });

  test("a chart is a file: numbers, a picture, a drawing", async () => {
    const server = await serve();
    const { page, done } = await look_at(`${server.url}#metrics=val/loss`);
    const card = await drawn(page, "val/loss");
    await card.hover();
    const saved = async (kind) => {
      const [file] = await Promise.all([page.waitForEvent("download"), card.getByRole("button", { name: `val/loss as ${kind}` }).click()]);
      assert.equal(file.suggestedFilename(), `val_loss.${kind.toLowerCase()}`);
      return readFileSync(await file.path());
    };
    const csv = String(await saved("CSV")).trim().split("\n");
    assert.equal(csv[0], "run,id,step,min,max,last,smooth");
    assert.equal(csv.length, 1 + 5 * 40); // five runs of 40 values, each of them
    assert.match(csv[1], /^[^,]+,(mnist|other)\/r\d,0,[\d.]+,[\d.]+,[\d.]+,$/);
    const png = await saved("PNG");
    assert.equal(png.subarray(1, 4).toString(), "PNG");
    assert.ok(png.length > 3000);
    const svg = String(await saved("SVG"));
    assert.ok(svg.startsWith("<svg ") && !svg.includes("NaN"), "a drawing without holes");
    assert.ok(svg.includes("&lt;img src=x onerror"), "a hostile name is text in it");
    const shapes = await page.evaluate((text) => {
      const svg = new DOMParser().parseFromString(text, "image/svg+xml");
      return { failed: svg.querySelectorAll("parsererror").length, lines: svg.querySelectorAll('path[stroke-width="1.5"]').length };
    }, svg);
    assert.deepEqual(shapes, { failed: 0, lines: 5 });
    await done();
    await server.stop();
  });

  test("what is not finite is marked where it is", async () => {
    const server = await serve();
    const { page, done } = await look_at(`${server.url}#metrics=train/loss&zoom=[14900,15140]&hidden=["r0","r1","r3","r4"]`);
    const card = await drawn(page, "train/loss");
    await page.waitForFunction(() => /^241 points, every one/.test(document.querySelector('[data-metric="train/loss"] footer').textContent));
    // Of the first pixels below the top, where no curve comes: which parts of the width have the run's colour?
    const marked = await card.locator("canvas").evaluate((canvas) => {
      const over = document.querySelector(".u-over").getBoundingClientRect(), own = canvas.getBoundingClientRect(), scale = canvas.width / own.width;
      const width = Math.round(over.width * scale);
      const { data } = canvas.getContext("2d").getImageData((over.left - own.left) * scale, (over.top - own.top + 2) * scale, width, 1);
      return [...Array(width).keys()].filter((x) => data[4 * x + 3] > 200 && Math.max(data[4 * x], data[4 * x + 1], data[4 * x + 2]) - Math.min(data[4 * x], data[4 * x + 1], data[4 * x + 2]) > 60).map((x) => 14_900 + (240 * x) / width);
    });
    assert.ok(marked.length > 10 && Math.abs(marked[0] - 15_000) < 4 && Math.abs(marked.at(-1) - 15_039) < 4, `${marked[0]} to ${marked.at(-1)}`);
    await done();
    await server.stop();
  });

  /** What a chart's file has: of each line its x, last value and smoothed value. */
  const numbers_of = async (url) => {
    const { page, done } = await look_at(url);
    const card = await drawn(page, "val/loss");
    await card.hover();
    const [file] = await Promise.all([page.waitForEvent("download"), card.getByRole("button", { name: "val/loss as CSV" }).click()]);
    const lines = readFileSync(await file.path(), "utf8").trim().split("\n").slice(1).map((line) => line.split(","));
    await done();
    return lines.map((line) => ({ x: Number(line[2]), last: line[5], smooth: line[6] }));
  };
  test("the smoothed curve is a report's too, of each kind", async () => {
    const server = await serve();
    const seen = new Set();
    for (const kind of ["time_weighted", "exponential", "gaussian"]) {
      const view = `metrics=val/loss&smoothing=${kind}&weight=0.9&hidden=["r1","r2","r3","r4"]`;
      const [asked, inside] = await Promise.all([`${server.url}#${view}`, `file://${report}#${view}`].map((url) => numbers_of(url)));
      const [ours, theirs] = [asked, inside].map((all) => all.filter(({ smooth }) => smooth).map(({ smooth }) => Number(smooth)));
      assert.equal(ours.length, 40, kind);
      ours.forEach((value, i) => assert.ok(Math.abs(value - theirs[i]) <= 1e-9 * Math.abs(value), `${kind} at ${i}: ${value} and ${theirs[i]}`));
      seen.add(ours[20]);
    }
    assert.equal(seen.size, 3);
    await server.stop();
  });
  test("each axis is what it says: steps, seconds since the run began, time", async () => {
    const server = await serve();
    const begun = Date.now() / 1000;
    for (const [axis, least, most] of [["step", 0, 20_000], ["relative", 0, 3600], ["time", begun - 86_400, begun]]) {
      const all = (await numbers_of(`${server.url}#metrics=val/loss&axis=${axis}&hidden=["r1","r2","r3","r4"]`)).filter(({ last }) => last);
      assert.equal(all.length, 40, axis);
      assert.ok(all.every(({ x }) => x >= least && x <= most), `${axis}: ${all[0].x} to ${all.at(-1).x}`);
    }
    await server.stop();
  });

  test("a policy that is tried shows what it would have saved", async () => {
    const server = await serve();
    const { page, done } = await look_at(`${server.url}#metrics=val/loss&runs=baseline`);
    const card = await drawn(page, "val/loss");
    const before = await pixels(card, "#3465a4");
    await page.getByText("Try a saving policy").click();
    await page.getByLabel("policy", { exact: true }).fill("every(4000)");
    await page.getByLabel("keep").fill("last(2)");
    const summary = page.locator(".trials li", { hasText: "baseline" });
    await summary.getByText("5 saved, 2 kept").waitFor(); // steps 0, 4000, 8000, 12000, 16000
    await page.waitForTimeout(100);
    assert.ok((await pixels(card, "#3465a4")) > before, "diamonds are drawn");
    await page.getByLabel("number 1 of the policy").fill("60"); // 10^(60/20)
    await summary.getByText("20 saved, 2 kept").waitFor();
    assert.ok(new URL(page.url()).hash.includes("policy=every"), "it is in the address");
    await page.getByLabel("policy", { exact: true }).fill("best(");
    await page.getByRole("status").waitFor(); // says what is wrong with it
    await done();
    await server.stop();
  });
});

describe("a run that was resumed", () => {
  const store = join(folder, "sessions");
  before(() => execFileSync(RECORD, [store, "sessions", "200"], { stdio: "ignore" }));
  async function see({ page, done }) {
    const card = await drawn(page, "loss");
    const groups = await page.locator(".group summary").allTextContents();
    assert.equal(groups[0], "metrics 1");
    assert.match(groups.at(-1), /^system \d\d?$/);
    const { width } = await card.locator(".u-over").boundingBox();
    const x = (100 / 299) * width; // of 0 to 299; the second session began there
    await card.locator(".u-over").hover({ position: { x, y: 40 } });
    await card.locator(".mark", { hasText: "resumed went on from step 100" }).waitFor();
    await page.mouse.move(0, 0);
    const dashes = () =>
      card.locator("canvas").evaluate((canvas, x) => {
        const over = document.querySelector(".u-over").getBoundingClientRect(), own = canvas.getBoundingClientRect(), scale = canvas.width / own.width;
        const { data } = canvas.getContext("2d").getImageData((over.left - own.left + x - 3) * scale, (over.top - own.top) * scale, 6 * scale, (over.height * scale) / 2);
        return data.filter((red, i) => i % 4 === 0 && data[i + 2] - red > 60).length; // blue
      }, x);
    assert.ok((await dashes()) > 20, `${await dashes()}`);
    await page.getByLabel("checkpoints").uncheck();
    await page.waitForFunction(() => location.hash.includes("marks=false"));
    await page.waitForTimeout(200);
    assert.equal(await dashes(), 0);
    assert.match(await (await drawn(page, "system/cpu")).locator("footer").textContent(), /^\d+ points, every one/);
    await page.evaluate(() => (location.hash = "page=table"));
    await page.locator("thead").waitFor();
    const heads = await page.locator("thead th").allTextContents();
    assert.ok(heads.includes("loss") && !heads.some((head) => head.startsWith("system/")), heads.join(" "));
    await page.locator("aside li a").click();
    const output = page.locator("details.part", { has: page.locator("summary", { hasText: "Output" }) });
    await output.getByText("step 299 <b>of many</b>").waitFor();
    assert.equal(await output.locator("b").count(), 0);
    await done();
  }
  test("shows where it went on, what the machine did and what it printed", async () => {
    const server = await serve(0, store);
    await see(await look_at(server.url));
    await server.stop();
  });
  test("does so in a report", async () => {
    const file = join(folder, "sessions.html");
    execFileSync(CAIRN, ["export", "again", "--html", file, "--dir", store]);
    await see(await look_at(`file://${file}`));
  });
});

describe("two projects with a run of one id", () => {
  const twins = join(folder, "twins");
  before(() => execFileSync(RECORD, [twins, "twins", "40"]));
  /** What is asked of both: each has a colour, a tick, a curve and a page of its own. */
  async function tell_apart({ page, done }) {
    const one = (name) => page.locator("aside li", { hasText: name });
    const colour = (name) => one(name).locator(".dot").evaluate((dot) => dot.style.background);
    assert.notEqual(await colour("of first"), await colour("of second"));
    const card = await drawn(page, "loss");
    const shown = async () => [await pixels(card, "#3465a4"), await pixels(card, "#c8443c")].map((count) => count > 50);
    await page.waitForFunction(() => /^80 points/.test(document.querySelector('[data-metric="loss"] footer').textContent));
    assert.deepEqual(await shown(), [true, true]);
    assert.deepEqual((await card.locator(".legend span").allTextContents()).sort(), ["of first 39", "of second -39"]);
    await one("of first").locator("input").uncheck();
    await page.waitForFunction(() => /^40 points/.test(document.querySelector('[data-metric="loss"] footer').textContent));
    assert.ok(await one("of second").locator("input").isChecked());
    await in_address(page, "hidden", ["first/twin"]);
    assert.deepEqual(await shown(), [false, true]);
    for (const name of ["of first", "of second"]) {
      await one(name).locator("a").click();
      await page.getByRole("heading", { name }).waitFor();
      assert.equal(await page.locator("dd").first().textContent(), `${name.slice(3)}/twin`);
    }
    assert.equal(await page.locator("aside li.here").count(), 1);
    await done();
  }
  test("are two runs for a server", async () => {
    const server = await serve(0, twins);
    await tell_apart(await look_at(server.url));
    await server.stop();
  });
  test("are two runs in a report", async () => {
    const file = join(folder, "twins.html");
    execFileSync(CAIRN, ["export", "first/twin", "second/twin", "--html", file, "--dir", twins]);
    await tell_apart(await look_at(`file://${file}`));
  });
  for (const [rows, left_out] of [
    [40, /^80 points, every one · 41 of them at or below 0, which no log axis shows$/],
    [20_000, /^40,000 points → ([\d,]+) buckets, exact min and max · ([\d,]+) of them at or below 0, which no log axis shows$/],
  ])
    test(`a log axis of ${rows} rows says what it does not show, and draws the rest`, async () => {
      const store = join(folder, `twins${rows}`);
      execFileSync(RECORD, [store, "twins", String(rows)]);
      const server = await serve(0, store);
      const { page, done } = await look_at(`${server.url}#log_x=true&log_y=true&smoothing=exponential&weight=0.5`);
      const card = await drawn(page, "loss");
      const footer = card.locator("footer");
      await page.waitForFunction(() => /log axis/.test(document.querySelector('[data-metric="loss"] footer').textContent));
      const said = left_out.exec((await footer.textContent()).trim());
      assert.ok(said, await footer.textContent());
      if (said[1]) {
        const [drawn, gone] = said.slice(1).map((text) => Number(text.replaceAll(",", "")));
        assert.equal(gone, drawn / 2 + 1); // all of the second run, and where the first begins
      }
      // Of the first all is drawn but its first step, of the second nothing.
      assert.ok((await pixels(card, "#3465a4")) > 50);
      assert.equal(await pixels(card, "#c8443c"), 0);
      const [file] = await Promise.all([page.waitForEvent("download"), card.getByLabel("loss as SVG").click({ force: true })]);
      const svg = String(readFileSync(await file.path()));
      assert.doesNotMatch(svg, /NaN|Infinity/);
      assert.ok((svg.match(/stroke-linejoin/g) ?? []).length === 1, "one curve");
      await page.getByLabel("log x").uncheck();
      await page.getByLabel("log y").uncheck();
      await page.waitForFunction(() => !/log axis/.test(document.querySelector('[data-metric="loss"] footer').textContent));
      assert.ok((await pixels(card, "#c8443c")) > 50);
      // A zoom from 0, and one that has nothing above it, are no obstacle.
      await page.goto(`${server.url}#log_x=true&zoom=[0,${rows / 2}]`);
      await page.reload();
      assert.ok((await pixels(await drawn(page, "loss"), "#3465a4")) > 50);
      await page.goto(`${server.url}#log_y=true&hidden=["first/twin"]&outliers=false`);
      await page.reload();
      await drawn(page, "loss");
      await done();
      await server.stop();
    });
  test("an older address, which has ids alone, still says what it said", async () => {
    const server = await serve();
    const { page, done } = await look_at(`${server.url}#hidden=["r1","mnist/r2"]`);
    const ticked = await page.locator("aside li").evaluateAll((all) => all.filter((li) => li.querySelector("input").checked).map((li) => li.querySelector("a").title).sort());
    assert.ok(ticked.includes("mnist/r0") && !ticked.includes("mnist/r1") && !ticked.includes("mnist/r2"), ticked.join(" "));
    await page.goto(`${server.url}#page=run&run=r1`);
    await page.getByRole("heading", { name: "wide" }).waitFor();
    await page.locator("aside li.here", { hasText: "wide" }).waitFor();
    await done();
    await server.stop();
  });
});

describe("artifacts", () => {
  test("every version, who made it and who used it", async () => {
    const server = await serve();
    const { page, done } = await look_at(`${server.url}#page=artifacts`);
    await page.getByText(/^mnist\/model · model · \d+ versions/).waitFor();
    await page.getByText(/^other\/model/).waitFor();
    const rows = page.locator(".part", { hasText: "mnist/model" }).locator("tbody tr");
    assert.ok((await rows.count()) > 4);
    assert.match(await rows.first().textContent(), /^v\d{2,}/); // the newest first
    const used = rows.filter({ has: page.locator("td:nth-child(7) a", { hasText: "deep" }) });
    assert.equal(await used.count(), 1); // run 2 used what run 1 had saved last
    await used.locator("td:nth-child(3) a").click();
    await page.getByRole("heading", { name: /wide/ }).waitFor();
    await done();
    await server.stop();
  });

  test("the table's rows stand together by a value", async () => {
    const server = await serve(0, SIZES);
    const { page, done } = await look_at(`${server.url}#page=table&project=sweep`);
    await page.getByLabel("group by").selectOption({ label: "batch_size" });
    await page.waitForFunction(() => location.hash.includes("group=config"));
    await page.locator("tr.group", { hasText: "batch_size 128" }).waitFor();
    assert.equal(await page.locator("tr.group").count(), 8);
    await done();
    await server.stop();
  });
});

describe("changes", () => {
  test("who has the token may rename, tag, note and put away; who has not may not", async () => {
    const server = await serve(0, STORE, "--write");
    const origin = new URL(server.url).origin;
    const reader = await look_at(`${origin}/#page=run&run=r4`);
    await reader.page.getByRole("heading", { name: /small-lr/ }).waitFor();
    assert.equal(await reader.page.locator(".edit").count(), 0);
    assert.equal(await reader.page.evaluate(() => fetch("/api/edit", { method: "POST", headers: { "content-type": "application/json" }, body: '{"run":"r4","name":"x"}' }).then((r) => r.status)), 403);

    const { page, done } = await look_at(`${server.url}#page=run&run=r4`);
    await page.locator(".edit summary").click();
    assert.ok(!page.url().includes("token"), "the address can be shown around");
    await page.getByLabel("name").fill("<b>renamed</b>");
    await page.getByLabel("tags").fill("one, two");
    await page.getByLabel("notes").fill("its notes");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("heading", { name: "<b>renamed</b>" }).waitFor();
    assert.deepEqual(await page.locator("dd .tag").allTextContents(), ["one", "two"]);
    await reader.page.getByRole("heading", { name: "<b>renamed</b>" }).waitFor(); // others see it too

    await page.getByRole("button", { name: "Delete" }).click();
    await page.locator("aside").getByText("deleted runs (1)").click();
    await page.locator("aside li a", { hasText: "renamed" }).waitFor();
    assert.equal(await page.locator("aside li").count(), 1);
    await page.getByRole("button", { name: "Restore" }).click();
    await page.locator("aside").getByText("deleted runs (0)").click();
    await page.locator("aside li a", { hasText: "renamed" }).waitFor();
    execFileSync(CAIRN, ["edit", "r4", "--name", "small-lr", "--dir", STORE]);
    await page.getByRole("heading", { name: "small-lr" }).waitFor();
    await done();
    await reader.done();
    await server.stop();
  });
});

describe("sizes", () => {
  test("a thousand runs: the list, the table, and no more than is looked at", async () => {
    const server = await serve(0, SIZES);
    const { page, done } = await look_at(`${server.url}#project=sweep`);
    await drawn(page, "val/loss");
    await page.waitForFunction(() => document.querySelectorAll("aside li").length === 500); // fifty at first
    await page.getByText("and 500 more").waitFor();
    await page.goto(`${server.url}#page=table&project=sweep&sort=best:val/loss&descending=false`);
    await page.locator("tbody tr").nth(199).waitFor();
    const best = await page.locator("tbody tr").first().locator("td.number").allTextContents();
    assert.ok(best.length > 4, "its columns are numbers");
    await page.getByLabel("search runs").fill("trial 77\\d trial");
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 10);
    await page.goto(`${server.url}#project=sweep&hidden=%5B%22-%22%5D&metrics=val/loss`); // all of them at once
    await page.waitForFunction(() => /the first 100 runs/.test(document.querySelector('[data-metric="val/loss"] footer')?.textContent ?? ""));
    await done();
    await server.stop();
  });

  test("a run of 5,000 metrics: only the charts in sight are made", async () => {
    const server = await serve(0, SIZES);
    const { page, done, asked } = await look_at(`${server.url}#runs=wide`);
    await drawn(page, "layer0/weight0");
    assert.ok((await page.locator("canvas").count()) < 60, "few charts are made");
    await page.waitForFunction(() => document.querySelectorAll("article.card").length === 5000);
    assert.ok(asked.filter((url) => url.includes("/api/series")).length <= 6, "charts ask together");
    await page.getByLabel("search metrics").fill("layer499/weight9$");
    await drawn(page, "layer499/weight9");
    assert.match(await page.locator('[data-metric="layer499/weight9"] footer').textContent(), /^100 points, every one/);
    await done();
    await server.stop();
  });

  test("a hundred million points: seen whole, and each of them when looked at closely", async () => {
    const server = await serve(0, SIZES);
    const { page, done } = await look_at(`${server.url}#runs=long`);
    const card = await drawn(page, "loss");
    assert.match(await card.locator("footer").textContent(), /^100,000,000 points → [\d,]+ buckets, exact min and max/);
    await page.goto(`${server.url}#runs=long&zoom=[50000000,50000300]`);
    await page.waitForFunction(() => /^301 points, every one/.test(document.querySelector('[data-metric="loss"] footer').textContent));
    await done();
    await server.stop();
  });
});
