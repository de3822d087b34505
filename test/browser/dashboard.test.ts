import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";

import { MemberState } from "../../generated/heddle/v1/member";
import { Browser } from "../support/browser";
import { describeInBrowser } from "./describe-in-browser";
import { DashboardScene } from "../support/dashboard-scene";
import type { Started } from "../support/cluster";

jest.setTimeout(60_000);

const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const VIEWS = ["workers", "calls", "topology", "metrics", "events", "agents"];

describeInBrowser("The dashboard in Chromium", () => {
  let scene: DashboardScene;
  let browser: Browser;
  let page: Page;
  let url: string;

  beforeAll(async () => {
    [scene, browser] = await Promise.all([DashboardScene.open("etcd", ["d1", "d2"]), Browser.start()]);
    url = scene.directors[0]!.url;
    const labels = ["w1", "w2", "w3", "w4", "w5"];
    const started: Started[] = await scene.workers(labels);
    await scene.cluster.whenReady(scene.client, labels);
    scene.keepBusy("w2", 8, () => 500);
    scene.keepBusy("w1", 1, () => 50);
    await started[4]!.process.kill();
    await scene.whenState("w5", ({ state }) => state === MemberState.DEAD);
    page = await browser.newPage();
    await page.goto(url);
    await row("w1").waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await scene?.close();
  });
  beforeEach(() => goTo("#/workers"));
  // Errors, and whatever its security policy forbids.
  afterEach(() => expect(browser.complaints).toEqual([]));

  const row = (memberId: string) => page.locator(`tr[data-member="${memberId}"]`);
  const dialog = () => page.locator("dialog[open]");
  const detail = () => page.locator("aside.detail");
  const goTo = (hash: string) => page.evaluate(`location.hash = ${JSON.stringify(hash)}`);

  /** The text of a locator, when it matches. */
  async function shows(locator: Locator, pattern: RegExp): Promise<string> {
    await locator.filter({ hasText: pattern }).first().waitFor();
    return (await locator.filter({ hasText: pattern }).first().innerText()).replace(/\s+/g, " ");
  }

  /** Opens the dialog of a worker's action. */
  async function ask(memberId: string, action: string): Promise<void> {
    await goTo(`#/workers/${memberId}`);
    await detail().getByRole("button", { name: action, exact: true }).click();
    await dialog().waitFor();
  }

  async function giveReason(reason: string): Promise<void> {
    await dialog().getByLabel("Reason").fill(reason);
    await dialog().getByLabel("Your name").fill("ada");
  }

  const twin = () => dialog().locator(".twin code").innerText();
  const confirm = (verb: string) => dialog().getByRole("button", { name: verb, exact: true }).click();
  const close = async () => {
    await dialog().getByRole("button", { name: "Close", exact: true }).click();
    await dialog().waitFor({ state: "detached" });
  };

  it("shows who is full and who is gone, each with a sign and a word of its own", async () => {
    expect(await shows(row("w2"), /full/)).toMatch(/8\/8/);
    expect(await shows(row("w5"), /gone/)).toMatch(/0\/8/);
    expect(await shows(row("w1"), /ready/)).toMatch(/\/8/);
    const shapes = await Promise.all(
      ["w1", "w2", "w5"].map((id) => row(id).locator("svg path").first().getAttribute("d")),
    );
    expect(new Set(shapes).size).toBe(3);
  });

  it("S-05 finds all directors by itself, and shows the cluster as the chosen one sees it", async () => {
    const choice = page.getByLabel("Director to look at");
    await choice.locator("option", { hasText: "d2" }).waitFor({ state: "attached" });
    await choice.selectOption("d2");
    await page.locator(".liveness.is-live").waitFor();
    await goTo("#/topology?director=d2");
    expect(await shows(page.locator("li.is-looked-at"), /d2/)).toMatch(/looked at/);
    await goTo("#/workers?director=d2");
    await row("w1").waitFor();
    await goTo("#/topology");
    expect(await shows(page.locator("li.is-looked-at"), /d1/)).toMatch(/looked at/);
  });

  it("shows by a link what another person saw: the director, the filter, the order, the details", async () => {
    await goTo("#/workers/w1?q=zone%3Dams&sort=-label&director=d2");
    expect(await page.getByLabel("Filter the workers").inputValue()).toBe("zone=ams");
    await detail().getByRole("heading", { name: "w1" }).waitFor();
    await row("w4").waitFor();
    const labels = await page.locator("tr.row td.c-worker").allInnerTexts();
    expect(labels.map((text) => text.trim())).toEqual(["w4", "w1"]);
    expect(await page.getByLabel("Director to look at").inputValue()).toBe("d2");
  });

  it("drains a worker with its reason, shows how far it is, and resumes it; each beside its command", async () => {
    await ask("w3", "Drain");
    expect(await dialog().getByRole("button", { name: "Drain", exact: true }).isDisabled()).toBe(true);
    await giveReason("new kernel");
    expect(await twin()).toBe("heddle nodes drain w3 --deadline 30m --reason 'new kernel' --by ada");
    await confirm("Drain");
    expect(await shows(dialog().locator(".drain"), /Complete/)).toMatch(/no call is in flight/);
    await close();
    expect(await shows(detail(), /Intent: draining/)).toMatch(/new kernel — ada/);
    expect(await shows(row("w3"), /draining/)).toMatch(/new kernel/);
    await detail().getByRole("button", { name: "Watch the drain" }).click();
    expect(await shows(dialog().locator(".drain"), /Complete/)).toMatch(/no call is in flight/);
    await close();
    await ask("w3", "Resume");
    expect(await twin()).toBe("heddle nodes resume w3 --by ada");
    await confirm("Resume");
    await shows(dialog(), /✓ Done/);
    await close();
    await shows(row("w3"), /ready/);
    expect(await shows(detail().locator(".events"), /draining: new kernel/)).toMatch(/intent/);
  });

  it.each([
    ["Cordon", "Cordon", "heddle nodes cordon w3 --reason why --by ada", /cordoned/, /✓ Done/],
    ["Standby", "Hold in standby", "heddle nodes standby w3 --reason why --by ada", /standby/, /✓ Done/],
    [
      "Maintenance",
      "Begin maintenance",
      "heddle nodes drain w3 --deadline 30m --maintenance --reason why --by ada",
      /maintenance/,
      /Complete/,
    ],
  ])("%s a worker, beside its command", async (action, verb, command, state, outcome) => {
    await ask("w3", action);
    await giveReason("why");
    expect(await twin()).toBe(command);
    await confirm(verb);
    await shows(dialog(), outcome);
    await close();
    expect(await shows(row("w3"), state)).toMatch(/why/);
    await ask("w3", "Resume");
    await confirm("Resume");
    await shows(dialog(), /✓ Done/);
    await close();
    await shows(row("w3"), /ready/);
  });

  it("says in the director's words why it refuses", async () => {
    await ask("w3", "Cordon");
    await giveReason("why");
    await page.route("**/heddle.v1.DirectorService/SetIntent", (route) =>
      route.fulfill({
        status: 503,
        json: { code: "unavailable", message: "the intent was not changed: the store is away" },
      }),
    );
    await confirm("Cordon");
    expect(await shows(dialog().getByRole("alert"), /Refused/)).toMatch(/the store is away/);
    await page.unroute("**/heddle.v1.DirectorService/SetIntent");
    browser.complaints.length = 0; // Chromium writes every 503 to the console.
    await dialog().getByRole("button", { name: "Cancel" }).click();
    await dialog().waitFor({ state: "detached" });
  });

  it("switches the policy, beside its command", async () => {
    await page.getByTitle("Switch the balancing policy").click();
    await dialog().getByLabel("Policy").selectOption("least-connections");
    expect(await twin()).toBe("heddle balance set least-connections");
    await confirm("Switch");
    await shows(dialog(), /✓ The policy is least-connections/);
    await close();
    await shows(page.getByTitle("Switch the balancing policy"), /least-connections/);
    await goTo("#/events");
    await shows(page.locator(".event"), /policy least-connections/);
  });

  it("transfers the leadership, beside its command", async () => {
    const leader = page.getByTitle("Transfer the leadership");
    const other = /d1/.test(await shows(leader, /d\d/)) ? "d2" : "d1";
    await leader.click();
    await dialog().getByLabel("To").selectOption(other);
    expect(await twin()).toBe(`heddle leader transfer ${other}`);
    await confirm("Transfer");
    await shows(dialog(), new RegExp(`✓ ${other} leads now`));
    await close();
    await shows(leader, new RegExp(other));
  });

  it("shows calls as they end, by worker and method", async () => {
    await goTo("#/calls");
    await shows(page.locator(".methods"), /ComputeService\/Execute [1-9]/);
    expect(await page.getByRole("img", { name: /calls? of 5 workers in the last 30 seconds/ }).count()).toBe(1);
  });

  it("can be used by keys alone: filter, choose, open, drain, close", async () => {
    await page.keyboard.press("/");
    await page.keyboard.type("w4");
    await page.locator("tr.row").nth(1).waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    await page.locator("tr.row").nth(4).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    const current = page.locator("tr[aria-current=true]");
    const memberId = await current.getAttribute("data-member");
    await page.keyboard.press("Enter");
    await detail().getByRole("heading", { name: memberId! }).waitFor();
    await page.keyboard.press("c");
    await dialog().waitFor();
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    await detail().waitFor({ state: "detached" });
    await page.keyboard.press("5");
    await page.locator("ol.events").waitFor();
    await page.keyboard.press("?");
    await dialog().getByRole("heading", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "detached" });
    await page.keyboard.press("1");
    await row("w1").waitFor();
  });

  it("has nothing that axe finds fault with, on every view, in the light and in the dark", async () => {
    await page.evaluate(AXE);
    const faults: string[] = [];
    for (const theme of ["light", "dark"]) {
      await page.evaluate(`document.documentElement.dataset.theme = "${theme}"`);
      for (const hash of [...VIEWS.map((view) => `#/${view}`), "#/workers/w2", "#/workers/w5"]) {
        await goTo(hash);
        await page.locator(/workers\/w/.test(hash) ? "aside.detail" : "section.view").waitFor();
        faults.push(...(await axeFaults(page, theme)).map((fault) => `${theme} ${hash}: ${fault}`));
      }
      await ask("w1", "Drain");
      faults.push(...(await axeFaults(page, theme)).map((fault) => `${theme} dialog: ${fault}`));
      await dialog().getByRole("button", { name: "Cancel" }).click();
    }
    await page.evaluate("delete document.documentElement.dataset.theme");
    expect(faults).toEqual([]);
  });

  it("fits a screen of 360 pixels without scrolling sideways, on every view", async () => {
    await page.setViewportSize({ width: 360, height: 640 });
    const widths: Record<string, unknown> = {};
    for (const hash of [...VIEWS.map((view) => `#/${view}`), "#/workers/w2"]) {
      await goTo(hash);
      await page.locator("section.view").waitFor();
      widths[hash] = await page.evaluate(
        `[document.documentElement, document.body, ...document.querySelectorAll(".scroller, .page, aside")]
          .map((of) => of.scrollWidth - of.clientWidth).filter((px) => px > 0)`,
      );
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    expect(widths).toEqual(Object.fromEntries(Object.keys(widths).map((hash) => [hash, []])));
  });

  it("says how old it is while its director is gone, and goes on by itself when it is back", async () => {
    const [first] = scene.directors;
    await first!.process.kill();
    await shows(page.locator("[data-banner=feed]"), /No connection/);
    expect(await shows(page.locator(".liveness"), /last update \d+ s ago/)).toMatch(/ago/);
    // What was known is still there.
    expect(await row("w1").count()).toBe(1);
    await scene.restart(first!);
    await page.locator(".liveness.is-live").waitFor();
    await page.locator("[data-banner=feed]").waitFor({ state: "detached" });
    await row("w1").waitFor();
  });
});

/** In the dark only the colours are others. */
async function axeFaults(page: Page, theme: string): Promise<string[]> {
  const rules = theme === "dark" ? `{ runOnly: ["color-contrast"] }` : "{}";
  return await page.evaluate<
    string[]
  >(`axe.run(document, ${rules}).then(({ violations }) => violations.map(({ id, nodes }) =>
    id + ": " + nodes.slice(0, 3).map((node) => node.html.slice(0, 160) + " " + (node.any[0]?.message ?? "")).join(" | ")))`);
}
