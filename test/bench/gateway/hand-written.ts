/**
 * The other side of `make bench-gateway`: what one writes by hand to have a gRPC worker answer JSON over HTTP. Fastify takes the request,
 * `@grpc/grpc-js` with `@grpc/proto-loader` makes the call. Prints its address.
 *
 * Argument: the worker's address.
 */
import { type Client, credentials, loadPackageDefinition, type ServiceError } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import fastify from "fastify";
import { httpStatusOf } from "../../../src/gateway/rpc/http-status";
import { PROTO_FILE } from "../relay/echo-contract";

interface EchoClient extends Client {
  echo(request: unknown, answered: (error: ServiceError | null, response: unknown) => void): void;
}

interface Loaded {
  readonly bench: { readonly EchoService: new (address: string, credentials: unknown) => EchoClient };
}

const [worker = ""] = process.argv.slice(2);
const definition = loadSync(PROTO_FILE, { bytes: String, longs: String, enums: String });
const { bench } = loadPackageDefinition(definition) as unknown as Loaded;
const client = new bench.EchoService(worker, credentials.createInsecure());

const app = fastify();
app.post("/bench.EchoService/Echo", (request, reply) => {
  client.echo(request.body, (error, response) => {
    if (error) reply.code(httpStatusOf(error.code)).send({ message: error.details });
    else reply.send(response);
  });
});
void app
  .listen({ host: "127.0.0.1", port: 0 })
  .then((url) => console.log(`listening at ${url.replace("http://", "")}`));
