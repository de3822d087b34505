import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, type ServiceError } from "@grpc/grpc-js";
import {
  ComputeServiceClient,
  ComputeServiceDefinition,
  ComputeServiceService,
  ExecuteRequest,
  ExecuteResponse,
} from "../../generated/heddle/compute/v1/compute";
import {
  CallError,
  createWorker,
  grpcJsService,
  service,
  Status,
  type ServerInterceptor,
  type Worker,
} from "../../src/api/worker";
import { SILENT_LOGGER } from "../../src/core/logger";
import { type Authority, type Certificates, issueCertificate, makeAuthority } from "../support/certificates";

const folder = mkdtempSync(join(tmpdir(), "heddle-interceptors-"));
let ours: Authority;
let pair: Certificates;
beforeAll(async () => {
  ours = await makeAuthority(folder, "ours");
  pair = await issueCertificate(ours, folder, "member");
});
afterAll(() => rmSync(folder, { recursive: true }));

const SERVICES = {
  "handlers of service()": () =>
    service(ComputeServiceDefinition, {
      execute: ({ task }) => ({ workerLabel: `ran ${task}` }),
      executeStream: async function* () {
        yield await Promise.resolve({ progressRatio: 1 });
      },
    }),
  "handlers of grpcJsService()": () =>
    grpcJsService(ComputeServiceService, {
      execute: ({ request }: { request: ExecuteRequest }, callback: (error: null, answer: ExecuteResponse) => void) =>
        callback(null, ExecuteResponse.fromPartial({ workerLabel: `ran ${request.task}` })),
    }),
};

/** Lets in whom the authority calls by this name, and says on whom it relied. */
const admitting =
  (name: string): ServerInterceptor =>
  async (request, context, next) => {
    const { CN } = context.peerCertificate()?.subject ?? {};
    if (CN !== name) throw new CallError(Status.PERMISSION_DENIED, `${String(CN)} is not ${name}`);
    const answer = (await next({ ...(request as ExecuteRequest), task: "checked" })) as ExecuteResponse;
    return { ...answer, contentType: `${context.authority?.replace(/\d+$/, "port")}` };
  };

describe.each(["engine", "grpc-js"] as const)(
  "Interceptors of a worker on %s, with client certificates",
  (transport) => {
    let worker: Worker | undefined;
    let client: ComputeServiceClient | undefined;
    afterEach(async () => {
      client?.close();
      await worker?.stop({ graceMs: 0 });
    });

    async function execute(services: keyof typeof SERVICES, name: string): Promise<ExecuteResponse> {
      worker = createWorker({
        env: {},
        logger: SILENT_LOGGER,
        transport,
        listenAddress: "127.0.0.1:0",
        directors: ["127.0.0.1:1"],
        tlsCertFile: pair.certFile,
        tlsKeyFile: pair.keyFile,
        tlsClientCaFile: ours.caFile,
        services: [SERVICES[services]()],
        interceptors: [admitting(name)],
      });
      await worker.start();
      const [ca, key, cert] = [ours.caFile, pair.keyFile, pair.certFile].map((file) => readFileSync(file));
      client = new ComputeServiceClient(worker.address, credentials.createSsl(ca, key, cert));
      return new Promise((resolve, reject) =>
        client!.execute(ExecuteRequest.fromPartial({ task: "t" }), (error, answer) =>
          error ? reject(error) : resolve(answer),
        ),
      );
    }

    it.each(Object.keys(SERVICES) as (keyof typeof SERVICES)[])(
      "stand around %s, and know the caller's certificate",
      async (services) => {
        expect(await execute(services, "member")).toMatchObject({
          workerLabel: "ran checked",
          contentType: "127.0.0.1:port",
        });
      },
    );

    it("refuse a certificate of another name", async () => {
      const error = await execute("handlers of service()", "boss").catch((reason: ServiceError) => reason);
      expect(error).toMatchObject({ code: Status.PERMISSION_DENIED, details: "member is not boss" });
    });
  },
);

it("interceptors cannot go where WORKER_THREADS runs the handlers, and are not left out in silence", () => {
  const options = { env: {}, logger: SILENT_LOGGER, threads: 1, interceptors: [admitting("member")] };
  expect(() => createWorker(options)).toThrow(/Give them to service\(Definition, handlers, \{ interceptors \}\)/);
});
