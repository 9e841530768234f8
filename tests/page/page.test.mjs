// The page in a real browser. CAIRN is the tool, STORE what record.cpp recorded; see run.sh.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";

const { CAIRN, STORE, RECORD, CHROMIUM = "/usr/bin/chromium" } = process.env;
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
    assert.match(await part("Versions").textContent(), /model:v\d+/);
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

  for (const [name, view, size] of [
    ["charts", "", { width: 1280, height: 900 }],
    ["charts, dark", "theme=dark", { width: 1280, height: 900 }],
    ["the table", "page=table", { width: 1280, height: 900 }],
    ["a run", "page=run&run=r0", { width: 1280, height: 900 }],
    ["a run, dark", "page=run&run=r3&theme=dark", { width: 1280, height: 900 }],
    ["compare", "page=compare", { width: 1280, height: 900 }],
    ["a phone", "", { width: 390, height: 844 }],
  ])
    test(`no serious fault of accessibility: ${name}`, async () => {
      const { page, done } = await open(view, size);
      if (!view.includes("page=")) await drawn(page, "train/loss");
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => axe.run());
      const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
      assert.deepEqual(grave.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing runs out of the page");
      await done();
    });
});

/** `cairn serve`, until `stop`. */
async function serve(port = 0) {
  const child = spawn(CAIRN, ["serve", "--port", String(port), "--dir", STORE], { stdio: ["ignore", "pipe", "inherit"] });
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
});
