// The API docs in a real Chromium: the page opens, lists the operations, runs one, and asks no other host for anything.
//
//   node docs.mjs URL [--operation ID --expect TEXT] [--screenshot FILE]
//   REST_URL=URL node --test docs.mjs
//
// URL is that of the REST routes, as in http://localhost:8080/rest. The browser is $CHROMIUM, else /usr/bin/chromium.
// Without one the test is skipped on a developer's machine and fails where $CI is set.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    operation: { type: 'string' },
    expect: { type: 'string', default: '"data"' },
    screenshot: { type: 'string' },
  },
});
const url = (positionals[0] ?? process.env.REST_URL ?? '').replace(/\/$/, '');
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
const missing = existsSync(executablePath) || process.env.CI ? false : `no Chromium at ${executablePath}: apt-get install chromium, or set CHROMIUM`;

test('the API docs work offline', { skip: missing, timeout: 60_000 }, async (t) => {
  assert.ok(url, 'give the URL of the REST routes, or set REST_URL');
  const origin = new URL(url).origin;
  const description = await (await fetch(`${url}/openapi.json`)).json();
  const operations = Object.values(description.paths).flatMap((path) => Object.values(path));

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
  const context = await browser.newContext({ viewport: { width: 1280, height: 1000 } });
  const page = await context.newPage();

  const foreign = [];
  const complaints = [];
  const sent = [];
  context.on('request', (request) => {
    const target = new URL(request.url());
    if (['data:', 'blob:'].includes(target.protocol)) return;
    if (target.origin !== origin) foreign.push(request.url());
    sent.push(request.url());
  });
  context.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));

  const answer = await page.goto(`${url}/docs`, { waitUntil: 'load' });
  assert.equal(answer.status(), 200);
  assert.match(answer.headers()['content-type'] ?? '', /^text\/html/);
  assert.match(answer.headers()['content-security-policy'] ?? '', /default-src 'none'/);

  await page.locator('.opblock').first().waitFor();
  assert.equal(await page.locator('.opblock').count(), operations.length, 'every operation is on the page');
  assert.equal(await page.locator('.errors-wrapper').count(), 0, 'the description has no errors');

  // A list, by default: what needs nothing filled in.
  const free = (operation) => operation.tags && !operation.parameters?.some((parameter) => parameter.required);
  const operation = values.operation ?? operations.find((one) => free(one) && !one.requestBody).operationId;
  const block = page.locator(`.opblock[id$="-${operation}"]`);
  await block.locator('.opblock-summary').click();
  await block.getByRole('button', { name: 'Execute' }).click();
  const live = block.locator('.live-responses-table .response').first();
  await live.locator('.response-col_status').getByText('200').waitFor();
  await live.getByText(values.expect).first().waitFor().catch(async () => {
    assert.fail(`the answer does not show ${values.expect}, but: ${await live.innerText()}`);
  });
  if (values.screenshot) await page.screenshot({ path: values.screenshot });

  assert.ok(sent.some((one) => one.startsWith(`${url}/`) && !one.includes('/docs') && !one.endsWith('/openapi.json')));
  assert.deepEqual(foreign, [], 'requests to other hosts');
  assert.deepEqual(complaints, [], 'complaints of the browser');
});
