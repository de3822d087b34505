/** Writes the pictures of the dashboard to docs/images: `make screenshots`. Needs Chromium and etcd. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";

import { IntentKind, MemberState } from "../generated/heddle/v1/member";
import { Browser } from "../test/support/browser";
import { DashboardScene } from "../test/support/dashboard-scene";

const FOLDER = join("docs", "images");

async function scene(): Promise<DashboardScene> {
  const scene = await DashboardScene.open("etcd", ["director-ams", "director-fra"]);
  const started = await scene.workers([
    "render-1",
    "render-2",
    "render-3",
    "encode-1",
    "encode-2",
    "encode-3",
    "infer-1",
    "infer-2",
    "infer-3",
  ]);
  await scene.cluster.whenReady(scene.client, [
    ..."render-1 render-2 render-3 encode-1 encode-2 encode-3 infer-1 infer-2 infer-3".split(" "),
  ]);
  const busy: readonly (readonly [string, number, number])[] = [
    ["render-1", 5, 180],
    ["render-2", 3, 90],
    ["render-3", 2, 400],
    ["encode-1", 8, 900],
    ["encode-2", 4, 60],
    ["infer-1", 2, 30],
    ["infer-2", 6, 250],
  ];
  for (const [label, atOnce, ms] of busy) {
    let calls = 0;
    scene.keepBusy(label, atOnce, () => Math.round(ms * (0.5 + ((calls++ * 7) % 10) / 10)));
  }
  scene.keepBusy("encode-3", 3, () => 20_000);
  await new Promise((wake) => setTimeout(wake, 1_000));
  await scene.intent("encode-3", IntentKind.DRAINING, "new kernel");
  await scene.intent("infer-3", IntentKind.STANDBY, "spare for the evening");
  await started[2]!.process.kill();
  await scene.whenState("render-3", ({ state }) => state === MemberState.DEAD);
  return scene;
}

async function main(): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  const playing = await scene();
  const browser = await Browser.start({ width: 1360, height: 620 });
  try {
    const page = await browser.newPage();
    await page.goto(playing.directors[0]!.url);
    await page.waitForSelector("tr.row.is-full");
    // So that the plots and the task stream have something to show.
    await page.goto(`${playing.directors[0]!.url}#/calls`);
    await page.waitForTimeout(32_000);
    await shot(page, "dashboard-calls");
    for (const [name, hash] of [
      ["workers", "#/workers"],
      ["worker", "#/workers/encode-3"],
      ["topology", "#/topology"],
      ["metrics", "#/metrics"],
      ["events", "#/events"],
    ] as const) {
      await page.goto(`${playing.directors[0]!.url}${hash}`);
      await page.waitForTimeout(1_500);
      await shot(page, `dashboard-${name}`);
    }
    await page.emulateMedia({ colorScheme: "dark" });
    await page.goto(`${playing.directors[0]!.url}#/workers`);
    await page.waitForTimeout(1_500);
    await shot(page, "dashboard-dark");
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 360, height: 640 });
    await page.waitForTimeout(1_500);
    await shot(page, "dashboard-narrow");
  } finally {
    await browser.close();
    await playing.close();
  }
}

async function shot(page: Page, name: string): Promise<void> {
  const path = join(FOLDER, `${name}.png`);
  await page.screenshot({ path });
  console.log(`wrote ${path}`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
