import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

// Few rules, each of which has found a bug or keeps a decision. Formatting is prettier's; imports are the layer test's.

const CLOCK = "Take a Clock (core/clock.ts), or nowMs as an argument: only platform/ reads the real one.";
const RANDOM = "Take a Random (core/random.ts), so that a failure replays from its seed.";
const ENVIRONMENT = "Take the setting as an argument: bin/ and api/ hand the environment to config/.";
const LOGGER = "Take a Logger (core/logger.ts).";

const impureGlobals = [
  { name: "setTimeout", message: CLOCK },
  { name: "setInterval", message: CLOCK },
  { name: "performance", message: CLOCK },
  { name: "console", message: LOGGER },
];

const impureProperties = [
  { object: "Date", property: "now", message: CLOCK },
  { object: "AbortSignal", property: "timeout", message: CLOCK },
  { object: "process", property: "hrtime", message: CLOCK },
  { object: "Math", property: "random", message: RANDOM },
  { object: "process", property: "env", message: ENVIRONMENT },
];

const bannedSyntax = [
  { selector: "ExportDefaultDeclaration", message: "Export by name, so that a thing has one name everywhere." },
  {
    selector: "TSEnumDeclaration",
    message: 'Use a union of literals, or an object "as const": enums are not erasable.',
  },
];

const impureSyntax = [
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: `new Date() reads the clock. ${CLOCK}`,
  },
];

const impureModules = ["node:timers", "node:timers/promises", "node:perf_hooks"].map((name) => ({
  name,
  message: CLOCK,
}));

export default defineConfig(
  globalIgnores(["dist/", "generated/", "coverage/", ".cache/", "examples/"]),
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [js.configs.recommended],
    plugins: { "@typescript-eslint": tseslint.plugin },
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      // The compiler knows these better.
      "no-undef": "off",
      "no-unused-vars": "off",
      "no-redeclare": "off",
      "no-dupe-class-members": "off",

      // A promise nobody waits for loses its error, and an async handler where none is expected loses it too.
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/only-throw-error": ["error", { allowThrowingUnknown: true, allowThrowingAny: true }],

      // A new kind of message or state must be met by everyone who switches on it.
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],

      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_$", ignoreRestSiblings: true },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "no-restricted-syntax": ["error", ...bannedSyntax],
      eqeqeq: "error",
      "prefer-const": "error",
      "no-var": "error",
    },
  },
  {
    files: ["src/**/*.ts"],
    // The page has a clock, timers and chance of its own: the browser's.
    ignores: ["src/platform/**", "src/api/**", "src/bin/**", "src/dashboard/**"],
    rules: {
      "no-restricted-globals": ["error", ...impureGlobals],
      "no-restricted-properties": ["error", ...impureProperties],
      "no-restricted-imports": ["error", { paths: impureModules }],
      "no-restricted-syntax": ["error", ...bannedSyntax, ...impureSyntax],
    },
  },
);
