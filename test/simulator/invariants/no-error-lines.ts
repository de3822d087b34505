import type { Invariant } from "./invariant";

/** The logs have no line of level error, and no promise was rejected with nobody to hear of it. */
export const noErrorLines: Invariant = {
  name: "no-error-lines",
  judge: ({ errorLines }) => {
    let seen = 0;
    return {
      always: () => {
        if (errorLines.length === seen) return undefined;
        const line = errorLines[seen];
        seen = errorLines.length;
        return line;
      },
    };
  },
};
