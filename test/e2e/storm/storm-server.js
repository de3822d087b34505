"use strict";
// A gRPC server that knows nothing of Heddle, with all defaults of grpc-js: node storm-server.js host:port storm.proto
const { loadPackageDefinition, Server, ServerCredentials } = require("@grpc/grpc-js");
const { loadSync } = require("@grpc/proto-loader");

const { StormService } = loadPackageDefinition(loadSync(process.argv[3])).storm.v1;

const server = new Server();
server.addService(StormService.service, {
  Echo: (call, answer) => answer(null, call.request),
  Wait: (call, answer) => call.on("cancelled", () => answer(null, call.request)),
  Collect: (call, answer) => {
    let count = 0;
    call.on("data", () => (count += 1));
    call.on("end", () => answer(null, { text: String(count) }));
  },
  Feed: (call) => {
    const feed = () => call.write({ text: "x".repeat(100) });
    for (let count = 0; count < 10; count += 1) feed();
    const timer = setInterval(feed, 20);
    call.on("cancelled", () => clearInterval(timer));
  },
  Chat: (call) => {
    call.on("data", (note) => call.write(note));
    call.on("end", () => call.end());
  },
});
server.bindAsync(process.argv[2], ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log(`listening on ${process.argv[2]}`);
});
