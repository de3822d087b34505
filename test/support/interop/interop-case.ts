import type { InteropTarget } from "./interop-target";

/** Resolves when the peer did as the description of the case says; rejects with what it did instead. */
export type InteropCase = (target: InteropTarget) => Promise<void>;
export type InteropCases = Readonly<Record<string, InteropCase>>;
