import type { Leader } from "./cluster-rpcs";
export class Leadership {
  constructor(_parts: unknown) {}
  current(): Leader | undefined {
    return undefined;
  }
  async run(_signal: AbortSignal): Promise<void> {}
  async transferTo(_to: string): Promise<Leader> {
    throw new Error("x");
  }
  async resign(): Promise<void> {}
}
