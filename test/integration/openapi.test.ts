import { createWorker } from "../../src/api/worker";
import { SILENT_LOGGER } from "../../src/core/logger";
import { type HttpDirector, httpDirector } from "../support/http/director";
import { openApiFaults, type OpenApi } from "../support/http/openapi-rules";
import { RawHttp } from "../support/http/raw-http";
import { eventually } from "../support/processes";

describe("The OpenAPI document of a director", () => {
  let http: HttpDirector;
  let stop = () => Promise.resolve();

  beforeAll(async () => {
    http = await httpDirector();
  });
  afterAll(async () => {
    await stop();
    await http.director.stop({ graceMs: 0 });
  });

  const document = async () => (await (await fetch(`${http.url}/openapi.json`)).json()) as OpenApi;
  const etag = async () => (await fetch(`${http.url}/openapi.json`, { method: "HEAD" })).headers.get("etag");

  it("has every RPC of the director, and every route that is none", async () => {
    const { paths, tags } = await document();
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        "/healthz",
        "/readyz",
        "/heddle.v1.DirectorService/ListMembers",
        "/grpc.health.v1.Health/Check",
      ]),
    );
    expect(Object.keys(paths).filter((path) => path.startsWith("/docs"))).toEqual([]);
    expect(tags.map(({ name }) => name)).toContain("heddle.v1.DirectorService");
  });

  it("says of the director's methods what its contract says", async () => {
    const { post } = (await document()).paths["/heddle.v1.DirectorService/RemoveMember"]!;
    expect(post).toMatchObject({ summary: expect.stringMatching(/\w+ \w+/), description: expect.any(String) });
  });

  it("is what OpenAPI 3.1 asks for, and its schemas are JSON Schema", async () => {
    expect(openApiFaults(await document())).toEqual([]);
  });

  it("is not sent again while it is the same", async () => {
    const first = await fetch(`${http.url}/openapi.json`);
    const tag = first.headers.get("etag")!;
    const again = await fetch(`${http.url}/openapi.json`, { headers: { "if-none-match": `"other", W/${tag}` } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const other = await fetch(`${http.url}/openapi.json`, { headers: { "if-none-match": '"other"' } });
    expect([other.status, await other.text()]).toEqual([200, await first.text()]);
  });

  it("follows the contracts of workers as they come and go", async () => {
    const before = await etag();
    const worker = createWorker({
      env: { HEDDLE_HEARTBEAT_INTERVAL_MS: "" },
      logger: SILENT_LOGGER,
      label: "w1",
      listenAddress: "127.0.0.1:0",
      directors: [http.director.address],
    });
    stop = () => worker.stop({ graceMs: 0 });
    await worker.start();
    await worker.whenAttached();
    const path = "/heddle.compute.v1.ComputeService/Execute";
    await eventually("the worker's methods are there", async () => path in (await document()).paths);
    expect(await etag()).not.toBe(before);
    expect(openApiFaults(await document())).toEqual([]);
  });

  it("has a page for people, of which nothing comes from elsewhere", async () => {
    const page = await fetch(`${http.url}/docs`);
    const policy = page.headers.get("content-security-policy")!;
    expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    const html = await page.text();
    const assets = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
    expect(assets).toHaveLength(4);
    for (const url of assets) {
      expect(url).toMatch(/^\/docs\//);
      const asset = await fetch(http.url + url);
      expect([url, asset.status, asset.headers.get("x-content-type-options")]).toEqual([url, 200, "nosniff"]);
    }
    expect(html).not.toMatch(/<script>|<style|\son\w+=/);
  });

  it("serves no other file of the package that the page is from", async () => {
    for (const file of ["swagger-ui.js", "oauth2-redirect.html", "index.html", "..%2fpackage.json", ""]) {
      const answer = await fetch(`${http.url}/docs/${file}`, { redirect: "manual" });
      expect([file, answer.status]).toEqual([file, file === "" ? 302 : 404]);
    }
  });
});

describe("A director whose answer nobody reads", () => {
  it("stops all the same", async () => {
    const http = await httpDirector();
    const connection = await RawHttp.open(http.port);
    // More than the buffers of both sockets hold.
    connection.pause().send("GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20));
    await fetch(`${http.url}/healthz`).then((answer) => answer.text());
    await http.director.stop({ graceMs: 0 });
    connection.close();
  });
});
