/**
 * Speaks for the canned worker at a director, as `heddle attach` would, which cannot be used here: where the director is reached
 * over TLS it would want TLS from the worker too, and then no two proxies would be compared at the same work.
 *
 * Arguments: the director's address, the worker's, and the file of the authority when the director speaks TLS.
 */
import { descriptorSetHash } from "../../../src/wire/descriptor-set";
import { loadProtoContract } from "../../../src/wire/proto-contract";
import { attachWorker } from "./attachment";
import { ECHO_SERVICE, PROTO_FILE, WORKER_ID } from "./echo-contract";

const { descriptorSet } = loadProtoContract({ files: [PROTO_FILE] });
const descriptors = { hash: descriptorSetHash(descriptorSet), fileDescriptorSet: descriptorSet };

const [director = "", address = "", caFile = ""] = process.argv.slice(2);
void attachWorker(director, { memberId: WORKER_ID, address, services: [ECHO_SERVICE], descriptors, caFile }).then(
  (outcome) => console.log("lost", JSON.stringify(outcome)),
);
