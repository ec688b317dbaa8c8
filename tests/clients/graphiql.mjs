// GraphiQL in a real Chromium: the page opens, knows the schema, runs a query, and asks no other host for anything.
//
//   node graphiql.mjs URL [--query TEXT --expect TEXT] [--screenshot FILE] [--dark]
//   GRAPHQL_URL=URL node --test graphiql.mjs
//
// The browser is $CHROMIUM, else /usr/bin/chromium. Without one the test is skipped on a developer's machine and
// fails where $CI is set.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    query: { type: 'string', default: '{ typedByTest: __typename }' },
    expect: { type: 'string', default: '"typedByTest": "Query"' },
    screenshot: { type: 'string' },
    dark: { type: 'boolean', default: false },
  },
});
const url = positionals[0] ?? process.env.GRAPHQL_URL;
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
const missing = existsSync(executablePath) || process.env.CI ? false : `no Chromium at ${executablePath}: apt-get install chromium, or set CHROMIUM`;

test('GraphiQL works offline', { skip: missing, timeout: 60_000 }, async (t) => {
  assert.ok(url, 'give the URL of the GraphQL endpoint, or set GRAPHQL_URL');
  const origin = new URL(url).origin;

  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // What slips through the checks below must not reach a network either.
      `--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE ${new URL(url).hostname}`,
    ],
  });
  t.after(() => browser.close());
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    colorScheme: values.dark ? 'dark' : 'light',
  });
  const page = await context.newPage();

  const foreign = [];
  const complaints = [];
  const sent = [];
  context.on('request', (request) => {
    const target = new URL(request.url());
    if (['data:', 'blob:'].includes(target.protocol)) return;
    if (target.origin !== origin) foreign.push(request.url());
    if (request.method() === 'POST') sent.push(request);
  });
  context.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));

  const answer = await page.goto(url, { waitUntil: 'load' });
  assert.equal(answer.status(), 200);
  assert.match(answer.headers()['content-type'] ?? '', /^text\/html/);

  // The explorer shows the root types as soon as the introspection has been understood.
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.locator('.graphiql-doc-explorer').getByText('Query', { exact: true }).waitFor();

  const fill = async (editor, text) => {
    await page.locator(`${editor} .CodeMirror`).click();
    await page.keyboard.press('ControlOrMeta+A');
    // Typed as one piece, so that the editor does not close brackets on its own.
    await page.keyboard.insertText(text);
  };
  await fill('.graphiql-query-editor', values.query);
  await page.getByRole('button', { name: 'Headers', exact: true }).click();
  await fill('.graphiql-editor-tool .graphiql-editor:not(.hidden)', '{"X-Typed-Header": "sent"}');
  await page.getByRole('button', { name: /^Execute query/ }).click();

  const result = page.locator('.result-window');
  await result.getByText(values.expect).waitFor().catch(async () => {
    assert.fail(`the result does not show ${values.expect}, but: ${await result.innerText()}`);
  });
  if (values.screenshot) await page.screenshot({ path: values.screenshot });

  const run = sent.at(-1);
  assert.equal(run.postDataJSON().query, values.query);
  assert.equal(run.headers()['x-typed-header'], 'sent', 'the header editor has an effect');
  assert.deepEqual(foreign, [], 'requests to other hosts');
  assert.deepEqual(complaints, [], 'complaints of the browser');
});
