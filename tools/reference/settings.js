/** Renders the page of settings from the table that the stand-alone server reads them by. */

export const path = 'docs/reference/settings.md';

const intro = `<!-- Generated from src/settings/table.ts by \`node tools/check-docs.js --write\`. Do not edit. -->

# Settings

The stand-alone server and the command line read these variables from the environment, and from a file \`.env\` in the working directory
for what the environment does not have. \`optionsFromEnvironment()\` reads them for an application of your own. All are checked before
anything is opened; every problem is told at once, with its name and what to do. \`countersign doctor\` prints them as they are resolved.

A duration is a whole number and a unit: \`30s\`, \`15m\`, \`12h\`, \`7d\`. The entries of a list are separated by commas. An empty variable
counts as not set; one that begins with \`COUNTERSIGN_\` and is not in this table is a problem.

**Production rules** hold unless public URL and \`HOST\` both are this machine (\`localhost\`, \`127.0.0.1\`, \`::1\`) and \`NODE_ENV\` is not
\`production\`: the secret must be set, the log is JSON, no port of another page is trusted, and refusals do not explain themselves.
`;

/** A `|` would end the cell. */
const cell = (text) => text.replaceAll('|', '\\|');

function table(names, settings) {
  const rows = names.map((name) => {
    const { fallback, fallbackText, about } = settings[name];
    return `| \`${name}\` | ${cell(fallback === undefined ? fallbackText : `\`${fallback}\``)} | ${cell(about)} |`;
  });
  return ['| variable | default | what it is |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

/** The page's text, from the built package in `dist` (a URL that ends in a slash). */
export async function render(dist) {
  const { settings, settingNames } = await import(new URL('settings/table.js', dist).href);
  return [intro, table(settingNames, settings)].join('\n');
}
