/** What the linter refuses. Sizes follow CONTRIBUTING.md; an exception says why: `eslint-disable-next-line rule -- reason`. */
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** A switched-off rule without a reason is a rule that nobody dares to switch on again. */
const reasonForDisable = {
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        if (/^\s*eslint-disable/.test(comment.value) && !/\s--\s+\S/.test(comment.value)) {
          context.report({ loc: comment.loc, message: 'Say why: `eslint-disable… rule -- reason`.' });
        }
      }
    },
  }),
};

const wallClock = [
  { selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']", message: 'Time is passed in: use a Clock.' },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Time is passed in: use a Clock.' },
  { selector: "CallExpression[callee.name='Date']", message: 'Time is passed in: use a Clock.' },
];
const guessable = {
  selector: "MemberExpression[object.name='Math'][property.name='random']",
  message: 'Guessable: use src/crypto/random.ts.',
};
const defaultExport = { selector: 'ExportDefaultDeclaration', message: 'Export by name.' };

const randomness = ['randomBytes', 'randomUUID', 'randomInt', 'randomFill', 'randomFillSync', 'getRandomValues', 'webcrypto'];

export default defineConfig(
  { ignores: ['**/node_modules/', 'dist/', 'coverage/', 'data/', 'bench/out/'] },
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { house: { rules: { 'reason-for-disable': reasonForDisable } } },
    rules: {
      'house/reason-for-disable': 'error',
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'object-shorthand': 'error',
      'no-constant-binary-expression': 'error',
      'no-control-regex': 'error',
      'no-debugger': 'error',
      'no-else-return': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-loss-of-precision': 'error',
      'no-new-func': 'error',
      'no-param-reassign': 'error',
      'no-self-compare': 'error',
      'no-sparse-arrays': 'error',
      'no-template-curly-in-string': 'error',
      'no-unsafe-finally': 'error',
      'no-useless-escape': 'error',
      'require-atomic-updates': 'error',
      'valid-typeof': 'error',
    },
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/promise-function-async': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all' }],
      // A port is asynchronous for the sake of stores that must wait; an implementation may not have to.
      '@typescript-eslint/require-await': 'off',
      // A type parameter used once is how a public signature is written out for the reader.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['src/**/*.ts', 'src/**/*.tsx'],
    rules: {
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-lines': ['error', { max: 320, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 4],
      'max-depth': ['error', 3],
      'no-console': 'error',
      'no-restricted-syntax': ['error', ...wallClock, guessable, defaultExport],
      'no-restricted-imports': [
        'error',
        { paths: ['node:crypto', 'crypto'].map((name) => ({ name, importNames: randomness, message: 'Use src/crypto/random.ts.' })) },
      ],
    },
  },
  // The owners of time and randomness.
  { files: ['src/crypto/system-clock.ts'], rules: { 'no-restricted-syntax': ['error', guessable, defaultExport] } },
  // A page has one clock, and nothing here decides by it: a refresh is early or late.
  { files: ['src/client/**/*.ts'], rules: { 'no-restricted-syntax': ['error', guessable, defaultExport] } },
  { files: ['src/crypto/**/*.ts'], rules: { 'no-restricted-imports': 'off' } },
  { files: ['src/cli/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.test.ts', 'test/**/*.ts', 'examples/**/*.{ts,tsx}', 'bench/**/*.ts', '*.config.ts'],
    rules: {
      'max-lines-per-function': 'off',
      'max-lines': ['error', { max: 600, skipBlankLines: true, skipComments: true }],
      'max-params': ['error', 5],
      'max-depth': ['error', 3],
      'no-console': 'off',
      'no-restricted-syntax': ['error', guessable],
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      // What comes over the wire has no type, and a test looks at all of it.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // A test may hand over what the types forbid, and says so with an assertion.
      '@typescript-eslint/no-unsafe-type-assertion': 'off',
    },
  },
  {
    files: ['**/*.js'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module' },
    rules: { 'max-lines': ['error', { max: 320, skipBlankLines: true, skipComments: true }], 'max-depth': ['error', 3] },
  },
);
