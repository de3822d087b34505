import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { afterEach, describe, it } from "node:test";

import { createTestCluster, expectConverged, expectDrainedWithin, type TestCluster } from "heddle/testing";
import { service } from "heddle/worker";

import { ThumbnailServiceDefinition, type ResizeRequest } from "../generated/thumbnails/v1/thumbnails.js";
import { resize } from "./resize.js";

const IMAGE = { width: 4, height: 2, pixels: Buffer.from([0, 0, 255, 255, 0, 0, 255, 255]) };
const REQUEST: ResizeRequest = { image: IMAGE, bounds: { maxWidth: 2, maxHeight: 1 }, filter: 0 };

/** Three directors and three workers, whose thumbnails take 200 ms each, in virtual time. */
async function thumbnailCluster(seed: number): Promise<TestCluster> {
  return createTestCluster({
    seed,
    directors: 3,
    workers: 3,
    services: ({ clock }) => [
      service(ThumbnailServiceDefinition, {
        async resize({ image, bounds, filter }) {
          await clock.sleep(200);
          return { image: resize(image!, bounds!, filter) };
        },

        async *resizeMany(requests) {
          for await (const { name, request } of requests) {
            yield { name, image: resize(request!.image!, request!.bounds!, request!.filter) };
          }
        },
      }),
    ],
    // Says that Resize has no side effects, so that it may be tried again.
    descriptors: await readFile(new URL("../../generated/thumbnails.binpb", import.meta.url)),
  });
}

describe("thumbnails", () => {
  let cluster: TestCluster;

  afterEach(() => cluster.close());

  it("go on when a worker is killed in the middle of them", async () => {
    cluster = await thumbnailCluster(1);
    const thumbnails = cluster.client().client(ThumbnailServiceDefinition);
    const calls = Array.from({ length: 12 }, () => thumbnails.resize(REQUEST));
    await cluster.until("all calls have arrived", () => cluster.arrivals.length === 12);

    await cluster.worker(1).kill();

    const answers = await cluster.outcome(Promise.all(calls));
    assert.equal(answers.length, 12);
    assert.ok(cluster.arrivals.length > 12, "some calls were tried again");

    await cluster.worker(1).start();
    await expectConverged(cluster);
  });

  it("go on when a director is killed in the middle of them", async () => {
    cluster = await thumbnailCluster(1);
    const client = cluster.client("client", { mode: "proxy" });
    const thumbnails = client.client(ThumbnailServiceDefinition);
    await cluster.outcome(thumbnails.resize(REQUEST));
    const calls = Array.from({ length: 12 }, () => thumbnails.resize(REQUEST));
    await cluster.advance(100);

    await cluster.director(1).kill();

    assert.equal((await cluster.outcome(Promise.all(calls))).length, 12);
  });

  it("are finished by a worker that leaves", async () => {
    cluster = await thumbnailCluster(1);
    const thumbnails = cluster.client().client(ThumbnailServiceDefinition);
    const calls = Array.from({ length: 12 }, () => thumbnails.resize(REQUEST));
    await cluster.until("all calls have arrived", () => cluster.arrivals.length === 12);

    const stopped = cluster.worker(1).stop();

    await expectDrainedWithin(cluster.worker(1), 1_000);
    await cluster.outcome(Promise.all([stopped, ...calls]));
    assert.equal(cluster.arrivals.length, 12, "none was tried twice");
  });

  it("come out on a bad network, whatever the seed, and the same way each time", async () => {
    const run = async (seed: number) => {
      cluster = await thumbnailCluster(seed);
      cluster.network.degrade({ delayMs: [1, 50], dropRatio: 0.02 });
      const thumbnails = cluster.client().client(ThumbnailServiceDefinition);
      for (let round = 0; round < 10; round += 1) {
        if (round === 5) cluster.network.partition("worker-1", ["director-1", "director-2", "director-3"]);
        await cluster.outcome(thumbnails.resize(REQUEST));
      }
      await cluster.close();
      return cluster.log.join("\n");
    };
    for (const seed of [1, 2, 3]) assert.equal(await run(seed), await run(seed));
  });
});
