// How long the page takes, on stores of record.cpp: medians of five, as a table. See bench.sh.
import { spawn } from "node:child_process";
import { chromium } from "playwright-core";

const { CAIRN, SIZES, FAST, RECORD, CHROMIUM = "/usr/bin/chromium" } = process.env;
const rounds = 5;
const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];
const rows = [];
const tell = (what, values, unit, wanted) => rows.push(`| ${what} | ${median(values).toFixed(unit === "%" || unit === "/s" ? 1 : 0)} ${unit} | ${wanted} |`);

async function serve(store) {
  const child = spawn(CAIRN, ["serve", "--dir", store], { stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve) => child.stdout.on("data", (text) => resolve(String(text).trim())));
  return { url, stop: () => new Promise((resolve) => (child.on("exit", resolve), child.kill())) };
}
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
const fresh = async () => (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
/** Milliseconds since the page was asked for until a chart has been drawn and shown. */
const until_drawn = (page, metric) =>
  page.evaluate(
    (metric) =>
      new Promise((resolve) => {
        const look = () => {
          const footer = document.querySelector(`[data-metric="${metric}"] footer`)?.textContent ?? "…";
          if (footer === "…" || !document.querySelector(`[data-metric="${metric}"] canvas`)) return requestAnimationFrame(look);
          requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())));
        };
        look();
      }),
    metric,
  );

const server = await serve(SIZES);
const first = [], thousand = [], wide = [], zoom_server = [], zoom_pixels = [];
for (let i = 0; i <= rounds; i++) {
  const keep = (all, value) => i > 0 && all.push(value); // the first time nothing is in any cache
  let page = await fresh();
  await page.goto(`${server.url}#project=sweep`);
  keep(thousand, await until_drawn(page, "val/loss"));
  keep(first, await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
  await page.context().close();

  page = await fresh();
  await page.goto(`${server.url}#runs=wide`);
  keep(wide, await until_drawn(page, "layer0/weight0"));
  await page.context().close();

  page = await fresh();
  await page.goto(`${server.url}#runs=long`);
  await until_drawn(page, "loss");
  const zoomed = await page.evaluate(
    (from) =>
      new Promise((resolve) => {
        const footer = () => document.querySelector('[data-metric="loss"] footer').textContent;
        const before = footer();
        performance.clearResourceTimings();
        const begin = performance.now();
        location.hash = `#runs=long&zoom=[${from},${from + 1_000_000}]`;
        const look = () => {
          if (footer() === before || footer() === "…") return requestAnimationFrame(look);
          requestAnimationFrame(() =>
            requestAnimationFrame(() => {
              const asked = performance.getEntriesByType("resource").find((one) => one.name.includes("/api/series"));
              resolve({ pixels: performance.now() - begin, server: asked.responseStart - asked.requestStart });
            }),
          );
        };
        look();
      }),
    10_000_000 * (i + 1),
  );
  keep(zoom_server, zoomed.server);
  keep(zoom_pixels, zoomed.pixels);
  await page.context().close();
}
await server.stop();
tell("first paint, 1,000 runs", first, "ms", "≤ 300 ms");
tell("first chart, 1,000 runs", thousand, "ms", "");
tell("first chart, 5,000 metrics", wide, "ms", "≤ 500 ms");
tell("zoom into 100 million points, at the server", zoom_server, "ms", "≤ 50 ms");
tell("the same, to pixels", zoom_pixels, "ms", "≤ 100 ms");

// A run that logs as fast as it can, looked at for ten seconds.
const live = spawn(RECORD, [FAST, "fast", "20"], { stdio: "inherit" });
await new Promise((resolve) => setTimeout(resolve, 1000));
const fast = await serve(FAST);
const page = await fresh();
await page.goto(fast.url);
await until_drawn(page, "loss");
const session = await page.context().newCDPSession(page);
await session.send("Performance.enable");
const busy = async () => (await session.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration").value;
const before = await busy();
const redraws = await page.evaluate(
  () =>
    new Promise((resolve) => {
      let count = 0;
      const watch = new MutationObserver((all) => (count += all.filter((one) => [...one.addedNodes].some((node) => node.classList?.contains("uplot"))).length));
      watch.observe(document.querySelector('[data-metric="loss"] .plot'), { childList: true });
      setTimeout(() => resolve(count / 10), 10_000);
    }),
);
tell("redraws of a chart that grows by 200 points a millisecond", [redraws], "/s", "≤ 10 /s");
tell("of one core, meanwhile", [((await busy()) - before) * 10], "%", "≤ 25 %");
live.kill();
await fast.stop();
await browser.close();
console.log(`| | median of ${rounds} | wanted |\n| --- | --- | --- |\n${rows.join("\n")}`);
