// Somebody else's composition as the judge of our subgraphs' SDL: every directive of federation, in one graph.
//
//   SUBGRAPHS=DIRECTORY node --test composition.mjs
//
// The directory holds catalog.graphql and accounts.graphql, which `fraiseql compile --sdl` printed of the projects in
// subgraphs/, and products.graphql, of the schema that the public compatibility suite asks for.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { composeServices } from '@theguild/federation-composition';
import { parse, print } from 'graphql';
import { INVENTORY, USERS } from './neighbours.mjs';

const directory = process.env.SUBGRAPHS;
if (!directory) throw new Error('set SUBGRAPHS to the directory of the SDL files');

const sdl = Object.fromEntries(
  ['catalog', 'accounts', 'products'].map((name) => [name, readFileSync(join(directory, `${name}.graphql`), 'utf8')]),
);

function compose(texts) {
  return composeServices(
    Object.entries(texts).map(([name, text]) => ({ name, url: `http://${name}/graphql`, typeDefs: parse(text) })),
  );
}

const told = (result) => (result.errors ?? []).map((error) => error.message).join('\n');

function composed(texts) {
  const result = compose(texts);
  assert.ok(!result.errors, told(result));
  return parse(result.supergraphSdl);
}

const pair = { catalog: sdl.catalog, accounts: sdl.accounts };

// A type of a document, one of its fields, or one of a field's arguments.
function find(document, type, field, argument) {
  const found = document.definitions.find((definition) => definition.name?.value === type);
  assert.ok(found, `there is no ${type}`);
  if (!field) return found;
  const part = [...(found.fields ?? []), ...(found.values ?? [])].find(({ name }) => name.value === field);
  assert.ok(part, `there is no ${type}.${field}`);
  return argument ? part.arguments.find(({ name }) => name.value === argument) : part;
}

const marks = (node) => node.directives.map(print);

// What the supergraph says of each directive that the pair carries.
const CARRIED = [
  ['@key', ['Product'], '@join__type(graph: CATALOG, key: "id")'],
  ['@key, a second one', ['Product'], '@join__type(graph: CATALOG, key: "sku package")'],
  ['@key, nested', ['Product'], '@join__type(graph: CATALOG, key: "sku variation { id }")'],
  ['@key, nested only', ['Research'], '@join__type(graph: CATALOG, key: "study { caseNumber }")'],
  ['@key of an interface', ['Account'], '@join__type(graph: ACCOUNTS, key: "id")'],
  ['@key of fraiseql.toml', ['Badge'], '@join__type(graph: ACCOUNTS, key: "number")'],
  ['@key, not resolvable', ['Seller'], '@join__type(graph: CATALOG, key: "id", resolvable: false)'],
  ['extend type', ['User'], '@join__type(graph: CATALOG, key: "email", extension: true)'],
  ['@interfaceObject', ['Account'], '@join__type(graph: CATALOG, key: "id", isInterfaceObject: true)'],
  ['a field of an interface object', ['Account', 'orderCount'], '@join__field(graph: CATALOG)'],
  ['@external', ['User', 'sold'], '@join__field(graph: CATALOG, external: true)'],
  ['@requires', ['User', 'soldPerYear'], '@join__field(graph: CATALOG, requires: "sold years")'],
  ['@requires, nested', ['User', 'postage'], '@join__field(graph: CATALOG, requires: "address{city zip}")'],
  ['@provides', ['Product', 'maker'], '@join__field(graph: CATALOG, provides: "sold")'],
  ['@override', ['Product', 'rank'], '@join__field(graph: CATALOG, override: "accounts")'],
  [
    '@override with a label',
    ['Product', 'weight'],
    '@join__field(graph: CATALOG, override: "accounts", overrideLabel: "percent(5)")',
  ],
  ['@inaccessible', ['Product', 'code'], '@inaccessible'],
  ['@inaccessible of a type', ['Part'], '@inaccessible'],
  ['@inaccessible of what filters it', ['ProductWhereInput', 'code'], '@inaccessible'],
  ['@inaccessible of what orders by it', ['ProductOrderByInput', 'code'], '@inaccessible'],
  ['@tag', ['Product', 'code'], '@tag(name: "internal")'],
  ['@tag of a type', ['Product'], '@tag(name: "public")'],
  ['@composeDirective', ['Product', 'code'], '@audited'],
  [
    '@composeDirective with arguments',
    ['Product'],
    '@owner(team: "the \\"core\\" team", level: 2, also: ["a", "b"])',
  ],
  ['@deprecated', ['Product', 'title'], '@deprecated(reason: "write \\"name\\" \\\\ instead")'],
  ['@deprecated of an enum value', ['Size', 'HUGE'], '@deprecated(reason: "nobody\\nneeds it")'],
  ['@deprecated of an argument', ['Query', 'search', 'text'], '@deprecated(reason: "unused")'],
];

for (const [name, place, mark] of CARRIED) {
  test(`${name} is carried`, () => {
    const found = marks(find(composed(pair), ...place));
    assert.ok(found.includes(mark), `${place.join('.')} carries ${found.join(' ')}`);
  });
}

test('@shareable fields are everybody\'s', () => {
  const supergraph = composed(pair);
  for (const place of [['Product', 'price'], ['Address', 'city'], ['PageInfo', 'endCursor']]) {
    const owners = marks(find(supergraph, ...place)).filter((mark) => mark.startsWith('@join__field'));
    assert.deepEqual(owners, [], place.join('.'));
  }
});

test('descriptions and defaults keep every character', () => {
  const supergraph = composed(pair);
  const text = 'A "product": quotes, a backslash \\, and\n\na paragraph.';
  assert.equal(find(supergraph, 'Product').description.value, text);
  assert.equal(find(supergraph, 'Size', 'SMALL').description.value, 'fits a "pocket"');
  const note = find(supergraph, 'ProductInput', 'note');
  assert.equal(note.description.value, 'with "quotes"');
  assert.equal(note.defaultValue.value, 'a "b" \\');
});

test('everything else of the schema is there', () => {
  const supergraph = composed(pair);
  for (const place of [['Mutation', 'createProduct'], ['Subscription', 'productCreated'], ['Hit'], ['Named', 'name']]) {
    find(supergraph, ...place);
  }
});

test('nothing of federation is defined', () => {
  for (const [name, text] of Object.entries(sdl)) {
    assert.doesNotMatch(text, /_entities|_service|_Any|_Entity|_Service|FieldSet/, name);
    assert.doesNotMatch(text, /directive @(key|requires|provides|external|shareable|link|tag|override)\b/, name);
  }
});

// The first @link of the text, its version moved or one of its imports left out.
const versionOf = (text) => Number(text.match(/federation\/v2\.(\d+)"/)[1]);
const importsOf = (text) => text.match(/import: \[(.*?)\]/)[1].split(', ');

test('every import is needed', () => {
  for (const name of ['catalog', 'accounts']) {
    for (const one of importsOf(sdl[name])) {
      const without = importsOf(sdl[name]).filter((other) => other !== one);
      const text = sdl[name].replace(/import: \[.*?\]/, `import: [${without.join(', ')}]`);
      assert.notEqual(told(compose({ ...pair, [name]: text })), '', `${name} does without ${one}`);
    }
  }
});

test('the version is the lowest', () => {
  assert.deepEqual(Object.values(sdl).map(versionOf), [7, 3, 3]);
  for (const name of ['catalog', 'accounts']) {
    const lower = sdl[name].replace(/federation\/v2\.\d+"/, `federation/v2.${versionOf(sdl[name]) - 1}"`);
    assert.notEqual(told(compose({ ...pair, [name]: lower })), '', `${name} does with a lower version`);
  }
});

test('the products of the compatibility suite compose with their neighbours', () => {
  const supergraph = composed({ products: sdl.products, users: USERS, inventory: INVENTORY });
  assert.ok(marks(find(supergraph, 'User', 'name')).includes('@join__field(graph: PRODUCTS, override: "users")'));
  assert.ok(marks(find(supergraph, 'Product')).includes('@custom'));
});
