import type { Registry } from "@bufbuild/protobuf";

import type { MetadataNaming } from "./answer-metadata";

/** How the messages of a call look in HTTP. */
export interface CallShape {
  /** Of the contract, for what may hold any type. */
  readonly registry: Registry;
  readonly naming: MetadataNaming;
  /** content-type of a single answer. */
  readonly answerType: string;
  /**
   * @throws FabricError when the bytes cannot be shown so
   */
  answer(bytes: Uint8Array): string | Uint8Array;
}
