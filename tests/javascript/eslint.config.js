/**
 * The linter's rules for all JavaScript of the tree: the recommended ones, and those that find likely mistakes beyond
 * them. Form is not its concern.
 */

import js from "@eslint/js";
import globals from "globals";

const likelyMistakes = {
  "array-callback-return": "error",
  "default-case-last": "error",
  eqeqeq: "error",
  "no-constructor-return": "error",
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-promise-executor-return": "error",
  "no-return-assign": ["error", "except-parens"],
  "no-self-compare": "error",
  "no-template-curly-in-string": "error",
  "no-throw-literal": "error",
  "no-unmodified-loop-condition": "error",
  "no-unreachable-loop": "error",
  "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
  "no-var": "error",
  "prefer-const": "error",
  "prefer-promise-reject-errors": "error",
  radix: "error",
  "require-atomic-updates": "error",
};

export default [
  // The code of others, what was made smaller, and what is as it was.
  { ignores: ["static/vendor/", "static/client/bundle.js", "tests/release_1_0/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    rules: {
      ...likelyMistakes,
      // A rest leaves out what stands before it; that is not used, and meant.
      "no-unused-vars": ["error", { ignoreRestSiblings: true }],
      // Classes of characters name joiners and modifiers one by one, by their escapes.
      "no-misleading-character-class": ["error", { allowEscape: true }],
    },
  },
  { files: ["static/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["static/worker*.js"], languageOptions: { globals: globals.serviceworker } },
  { files: ["tests/**/*.js"], languageOptions: { globals: globals.node } },
];
