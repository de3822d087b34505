// A gRPC server that knows nothing of Heddle: node greeter-server.js host:port [descriptor-set-file]. With a file it has reflection.
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { loadPackageDefinition, Server, ServerCredentials } = require("@grpc/grpc-js");
const { loadSync } = require("@grpc/proto-loader");

const [address, descriptorsFile] = process.argv.slice(2);
const { GreeterService } = loadPackageDefinition(loadSync(join(__dirname, "greeter.proto"))).greeter.v1;
const greeting = (request) => ({ text: `Hello ${request.name}, from process ${process.pid}` });

const server = new Server();
server.addService(GreeterService.service, {
  Greet: (call, answer) => answer(null, greeting(call.request)),
  GreetMany: (call) => {
    call.on("data", (request) => call.write(greeting(request)));
    call.on("end", () => call.end());
  },
});
if (descriptorsFile) {
  const { DescriptorCatalog } = require("../../../dist/src/wire/descriptor-catalog");
  const { reflectionServices } = require("../../../dist/src/wire/reflection-service");
  const { incomingCall } = require("../../../dist/src/wire/incoming-call");
  const asIs = (bytes) => bytes;
  const [, v1alpha] = reflectionServices(new DescriptorCatalog(readFileSync(descriptorsFile)));
  for (const [path, run] of v1alpha.methods) {
    server.register(path, (stream) => run(incomingCall(stream)), asIs, asIs, "bidi");
  }
}
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log(`listening on ${address}`);
});
