/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { target: "es2023", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    ],
  },
  // Neither may shadow the sources: one is built from them, the other is downloaded.
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/.cache/"],
  // Jest would leave one processor free, which on a machine of two halves the speed.
  maxWorkers: 2,
  testTimeout: 30_000,
};
