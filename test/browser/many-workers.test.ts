import type { FastifyInstance } from "fastify";
import type { Page } from "playwright-core";

import { Browser } from "../support/browser";
import { describeInBrowser } from "./describe-in-browser";
import { manyWorkers } from "../support/many-workers";

const WORKERS = 1_000;
/** Rows of a screen of 900 pixels, and those that are drawn around them. */
const ROWS_MAX = 60;

describeInBrowser("The dashboard with 1,000 workers that change every second", () => {
  let app: FastifyInstance;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    app = manyWorkers(WORKERS);
    const [url, started] = await Promise.all([app.listen({ port: 0, host: "127.0.0.1" }), Browser.start()]);
    browser = started;
    page = await browser.newPage();
    await page.goto(`${url}/#/workers?sort=label`);
    await page.locator("tr.row").first().waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await app?.close();
  });

  const drawn = () => page.locator("tr.row").count();

  it("draws the rows that are in sight, wherever one scrolls", async () => {
    expect(await page.locator(".shown").innerText()).toBe("1000 workers");
    const seen: number[] = [];
    for (const [label, top] of [
      ["worker-0000", 0],
      ["worker-0500", 17_000],
      ["worker-0999", 40_000],
    ] as const) {
      await page.evaluate(`document.querySelector(".scroller").scrollTop = ${top}`);
      await page.locator(`tr[data-member="${label}"]`).waitFor();
      seen.push(await drawn());
    }
    expect(Math.min(...seen)).toBeGreaterThan(10);
    expect(Math.max(...seen)).toBeLessThanOrEqual(ROWS_MAX);
    // A reader's own place is left as it is by what changes.
    const top = await page.evaluate(`document.querySelector(".scroller").scrollTop`);
    const cell = 'tr[data-member="worker-0999"] td.c-slots';
    const before = await page.locator(cell).innerText();
    await page.locator(cell, { hasNotText: before.trim() }).waitFor();
    expect(await page.evaluate(`document.querySelector(".scroller").scrollTop`)).toBe(top);
  });

  it("filters and sorts them all", async () => {
    await page.getByLabel("Filter the workers").fill("zone=zone-1 worker-09");
    await page.locator(".shown", { hasText: "33 of 1000 workers" }).waitFor();
    await page.getByLabel("Filter the workers").fill("");
    await page.getByRole("button", { name: /^gone/ }).click();
    await page.locator(".shown", { hasText: "10 of 1000 workers" }).waitFor();
    await page.getByRole("button", { name: /^gone/ }).click();
    await page.getByRole("button", { name: "p99", exact: true }).click();
    await page.locator("th[aria-sort=descending]", { hasText: "p99" }).waitFor();
    expect(browser.complaints).toEqual([]);
  });
});
