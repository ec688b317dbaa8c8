// Queries through a real gateway over a subgraph of ours and two of other people's making.
//
//   PRODUCTS_URL=URL node --test gateway.mjs
//
// The products (examples/products) are served there; the users, the inventory and the gateway are started here.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compose, post } from '../../examples/federation/gateway/compose.mjs';
import { INVENTORY, USERS, serve } from './neighbours.mjs';

const products = process.env.PRODUCTS_URL;
if (!products) throw new Error('set PRODUCTS_URL to the GraphQL endpoint of examples/products');

const home = join(dirname(fileURLToPath(import.meta.url)), '../../examples/federation/gateway');
const directory = mkdtempSync(join(tmpdir(), 'fraiseql-gateway-'));
let users, inventory, gateway, url;
let said = '';

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

before(async () => {
  users = await serve(USERS, ['User']);
  inventory = await serve(INVENTORY, ['Product', 'Warehouse']);
  const supergraph = join(directory, 'supergraph.graphql');
  writeFileSync(supergraph, await compose({ products, users: users.url, inventory: inventory.url }));
  const port = await freePort();
  const args = ['supergraph', '--config-path', join(home, 'gateway.config.mjs')];
  gateway = spawn(join(home, 'node_modules/.bin/hive-gateway'), args, {
    cwd: home,
    env: { ...process.env, SUPERGRAPH: supergraph, GATEWAY_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [gateway.stdout, gateway.stderr]) stream.on('data', (data) => (said += data));
  url = `http://127.0.0.1:${port}/graphql`;
  for (let waited = 0; ; waited += 200) {
    const answer = await fetch(`http://127.0.0.1:${port}/readiness`).catch(() => undefined);
    if (answer?.ok) break;
    assert.ok(waited < 60_000 && gateway.exitCode === null, `the gateway does not start\n${said}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
});

after(async () => {
  users?.stop();
  inventory?.stop();
  if (gateway && gateway.exitCode === null) {
    const ended = new Promise((resolve) => gateway.once('exit', resolve));
    gateway.kill('SIGTERM');
    await ended;
  }
  rmSync(directory, { recursive: true, force: true });
});

// [what it shows, query, answer]
const QUERIES = [
  [
    'fields of one service',
    '{ product(id: "apollo-studio") { sku package variation { id } dimensions { size weight } notes } }',
    {
      product: {
        sku: 'studio',
        package: '',
        variation: { id: 'platform' },
        dimensions: { size: 'small', weight: 1 },
        notes: null,
      },
    },
  ],
  [
    '@override: the name is ours',
    '{ product(id: "apollo-federation") { createdBy { name } } }',
    { product: { createdBy: { name: 'Jane Smith' } } },
  ],
  [
    '@provides: the total comes with the product',
    '{ product(id: "apollo-federation") { createdBy { email totalProductsCreated } } }',
    { product: { createdBy: { email: 'support@apollographql.com', totalProductsCreated: 1337 } } },
  ],
  [
    'a field that only the other service has',
    '{ product(id: "apollo-federation") { createdBy { yearsOfEmployment } } }',
    { product: { createdBy: { yearsOfEmployment: 10 } } },
  ],
  [
    '@requires here: computed from what the users say',
    '{ product(id: "apollo-federation") { createdBy { averageProductsCreatedPerYear email } } }',
    { product: { createdBy: { averageProductsCreatedPerYear: 134, email: 'support@apollographql.com' } } },
  ],
  [
    '@requires there: the inventory computes from our dimensions',
    '{ product(id: "apollo-federation") { deliveryDays(zip: "94111") } }',
    { product: { deliveryDays: 2 } },
  ],
  [
    'entities in a list, in their order',
    '{ inventory(id: "apollo-oss") { products { id sku } } }',
    {
      inventory: {
        products: [
          { id: 'apollo-federation', sku: 'federation' },
          { id: 'apollo-studio', sku: 'studio' },
        ],
      },
    },
  ],
  [
    '@interfaceObject: our field of their interface',
    '{ inventory(id: "apollo-oss") { id deprecatedProducts { sku reason createdBy { name } } } }',
    {
      inventory: {
        id: 'apollo-oss',
        deprecatedProducts: [
          { sku: 'apollo-federation-v1', reason: 'Migrate to Federation V2', createdBy: { name: 'Jane Smith' } },
        ],
      },
    },
  ],
  [
    'nothing found',
    '{ product(id: "apollo-nothing") { id } }',
    { product: null },
  ],
];

for (const [name, query, expected] of QUERIES) {
  test(name, async () => {
    const answer = await post(url, { query });
    assert.equal(answer.errors, undefined, `${JSON.stringify(answer)}\n${said}`);
    assert.deepEqual(answer.data, expected);
  });
}

test('@inaccessible: the unit is not in the API', async () => {
  const answer = await post(url, { query: '{ product(id: "apollo-studio") { dimensions { unit } } }' });
  assert.match(answer.errors?.[0]?.message ?? '', /unit/);
  const direct = await post(products, { query: '{ product(id: "apollo-studio") { dimensions { unit } } }' });
  assert.deepEqual(direct.data, { product: { dimensions: { unit: 'kg' } } });
});

test('variables and aliases reach every service', async () => {
  const query = `query Two($first: ID!, $second: ID!) {
    first: product(id: $first) { ...parts }
    second: product(id: $second) { ...parts }
  }
  fragment parts on Product { id maker: createdBy { years: yearsOfEmployment } }`;
  const answer = await post(url, { query, variables: { first: 'apollo-federation', second: 'apollo-studio' } });
  const of = (id) => ({ id, maker: { years: 10 } });
  assert.deepEqual(answer, { data: { first: of('apollo-federation'), second: of('apollo-studio') } });
});
