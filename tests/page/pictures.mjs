// Draws the pictures of the dashboard for the README, from a report: `node pictures.mjs REPORT FOLDER`.
import { chromium } from "playwright-core";

const [report, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
for (const theme of ["light", "dark"]) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.goto(`file://${report}#theme=${theme}&weight=0.8`);
  await page.locator("canvas").nth(3).waitFor();
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${folder}/dashboard_${theme}.png` });
  await context.close();
}
await browser.close();
