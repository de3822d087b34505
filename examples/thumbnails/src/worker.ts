import { CallError, runWorker, service, Status } from "heddle/worker";

import type { ResizeRequest } from "../generated/thumbnails/v1/thumbnails.js";
import { ThumbnailServiceDefinition } from "../generated/thumbnails/v1/thumbnails.js";
import { imageMistake, resize } from "./resize.js";

// Settings come from the environment. SIGTERM finishes the calls in flight, then leaves the cluster.
await runWorker({
  services: [
    service(ThumbnailServiceDefinition, {
      resize: (request) => ({ image: thumbnailOf(request) }),

      async *resizeMany(requests) {
        for await (const { name, request } of requests) {
          yield { name, image: thumbnailOf(request) };
        }
      },
    }),
  ],
  // The contract, so that any gRPC tool finds the service through the director.
  descriptors: new URL("../../generated/thumbnails.binpb", import.meta.url),
});

function thumbnailOf(request: ResizeRequest | undefined) {
  const { image, bounds, filter } = request ?? {};
  const mistake = imageMistake(image);
  if (!image || mistake !== "") throw new CallError(Status.INVALID_ARGUMENT, `image: ${mistake}`);
  if (!bounds?.maxWidth || !bounds.maxHeight) {
    throw new CallError(Status.INVALID_ARGUMENT, "bounds: both max_width and max_height must be at least 1");
  }
  return resize(image, bounds, filter);
}
