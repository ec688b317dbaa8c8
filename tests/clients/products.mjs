// What the public compatibility suite looks at, asked of examples/products.
//
//   PRODUCTS_URL=URL node --test products.mjs

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripIgnoredCharacters } from 'graphql';
import protobuf from 'protobufjs';

const url = process.env.PRODUCTS_URL;
if (!url) throw new Error('set PRODUCTS_URL to the GraphQL endpoint of examples/products');

async function ask(query, variables, headers = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

const sdl = ask('{ _service { sdl } }').then((answer) => stripIgnoredCharacters(answer.data._service.sdl));
sdl.catch(() => {});

describe('the SDL says', () => {
  for (const [name, pattern] of [
    ['@link to the specification', /@link\(url:"https:\/\/specs\.apollo\.dev\/federation\/v2\.3" import:\[/],
    ['@key, one field', /extend type User@key\(fields:"email"\)/],
    ['@key, several fields', /type DeprecatedProduct@key\(fields:"sku package"\)/],
    ['@key, nested', /type ProductResearch@key\(fields:"study \{ caseNumber \}"\)/],
    ['@key three times', /type Product@key\(fields:"id"\)@key\(fields:"sku package"\)@key\(fields:"sku variation \{ id \}"\)/],
    ['@composeDirective', /@composeDirective\(name:"@custom"\)/],
    ['the link of @custom', /@link\(url:"https:\/\/myspecs\.dev\/myCustomDirective\/v1\.0" import:\["@custom"\]\)/],
    ['the definition of @custom', /directive@custom on OBJECT/],
    ['@custom', /type Product@.*?@custom\{/],
    ['@provides', /createdBy:User@provides\(fields:"totalProductsCreated"\)/],
    ['@tag', /notes:String@tag\(name:"internal"\)/],
    ['@shareable', /type ProductDimension@shareable\{/],
    ['@inaccessible', /unit:String@inaccessible/],
    ['@external', /email:ID!@external/],
    ['@override', /name:String@override\(from:"users"\)/],
    ['@requires', /averageProductsCreatedPerYear:Int@requires\(fields:"totalProductsCreated yearsOfEmployment"\)/],
    ['@interfaceObject', /type Inventory@key\(fields:"id"\)@interfaceObject\{/],
    ['a list without arguments', /research:\[ProductResearch!\]!/],
    ['@deprecated', /\):DeprecatedProduct@deprecated\(reason:"Use product query instead"\)/],
  ]) {
    test(name, async () => assert.match(await sdl, pattern));
  }

  test('nothing of federation itself', async () => {
    assert.doesNotMatch(await sdl, /_entities|_Any|_Entity|_Service|directive ?@(key|link|shareable)\b/);
  });
});

test('the type system has the service and the entities', async () => {
  const type = (name) => ask(`{ __type(name: "${name}") { fields { name type { kind ofType { name } } } possibleTypes { name } } }`);
  const service = (await type('_Service')).data.__type;
  assert.deepEqual(service.fields, [{ name: 'sdl', type: { kind: 'NON_NULL', ofType: { name: 'String' } } }]);
  const entities = (await type('_Entity')).data.__type.possibleTypes.map(({ name }) => name);
  assert.deepEqual(entities.sort(), ['DeprecatedProduct', 'Inventory', 'Product', 'ProductResearch', 'User']);
});

const ENTITIES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on Product { id sku variation { id } createdBy { email totalProductsCreated } }
    ... on DeprecatedProduct { oldSku: sku package reason createdBy { email } }
    ... on ProductResearch { study { caseNumber description } outcome }
    ... on User { email name }
    ... on Inventory { id deprecatedProducts { sku } }
  }
}`;

const createdBy = { email: 'support@apollographql.com', totalProductsCreated: 1337 };
const federation = {
  __typename: 'Product',
  id: 'apollo-federation',
  sku: 'federation',
  variation: { id: 'OSS' },
  createdBy,
};
const studio = { __typename: 'Product', id: 'apollo-studio', sku: 'studio', variation: { id: 'platform' }, createdBy };
const deprecated = {
  __typename: 'DeprecatedProduct',
  oldSku: 'apollo-federation-v1',
  package: '@apollo/federation-v1',
  reason: 'Migrate to Federation V2',
  createdBy: { email: 'support@apollographql.com' },
};
const user = { __typename: 'User', email: 'support@apollographql.com', name: 'Jane Smith' };
const study = (caseNumber, description) => ({
  __typename: 'ProductResearch',
  study: { caseNumber, description },
  outcome: null,
});
const inventory = { __typename: 'Inventory', id: 'apollo-oss', deprecatedProducts: [{ sku: 'apollo-federation-v1' }] };

// [what is asked, representations, answers]
const CASES = [
  ['one field', [{ __typename: 'User', email: 'support@apollographql.com' }], [user]],
  [
    'several fields',
    [{ __typename: 'DeprecatedProduct', sku: 'apollo-federation-v1', package: '@apollo/federation-v1' }],
    [deprecated],
  ],
  ['a nested field', [{ __typename: 'ProductResearch', study: { caseNumber: '1234' } }], [study('1234', 'Federation Study')]],
  [
    'each key of a type in one call',
    [
      { __typename: 'Product', id: 'apollo-federation' },
      { __typename: 'Product', sku: 'federation', package: '@apollo/federation' },
      { __typename: 'Product', sku: 'studio', variation: { id: 'platform' } },
      { __typename: 'Product', sku: 'studio', package: '' },
    ],
    [federation, federation, studio, studio],
  ],
  ['an interface object', [{ __typename: 'Inventory', id: 'apollo-oss' }], [inventory]],
  [
    'several types, in their order, duplicates kept',
    [
      { __typename: 'ProductResearch', study: { caseNumber: '1235' } },
      { __typename: 'Product', id: 'apollo-studio' },
      { __typename: 'User', email: 'support@apollographql.com' },
      { __typename: 'Product', id: 'apollo-federation' },
      { __typename: 'Product', id: 'apollo-studio' },
      { __typename: 'Inventory', id: 'apollo-oss' },
      { __typename: 'ProductResearch', study: { caseNumber: '1235' } },
    ],
    [study('1235', 'Studio Study'), studio, user, federation, studio, inventory, study('1235', 'Studio Study')],
  ],
  [
    'one that does not exist among those that do',
    [
      { __typename: 'Product', id: 'apollo-federation' },
      { __typename: 'Product', id: 'apollo-nothing' },
    ],
    [federation, null],
  ],
];

describe('_entities answers', () => {
  for (const [name, representations, expected] of CASES) {
    test(name, async () => {
      const answer = await ask(ENTITIES, { representations });
      assert.equal(answer.errors, undefined, JSON.stringify(answer));
      assert.deepEqual(answer.data._entities, expected);
    });
  }

  test('what is computed from the representation', async () => {
    const query = `query ($representations: [_Any!]!) {
      _entities(representations: $representations) { ... on User { averageProductsCreatedPerYear } }
    }`;
    const one = (totalProductsCreated) => ({
      __typename: 'User',
      email: 'support@apollographql.com',
      totalProductsCreated,
      yearsOfEmployment: 10,
    });
    const answer = await ask(query, { representations: [one(1337), one(null), one(14)] });
    assert.equal(answer.errors, undefined, JSON.stringify(answer));
    const averages = answer.data._entities.map((entity) => entity.averageProductsCreatedPerYear);
    assert.deepEqual(averages, [134, null, 1]);
  });
});

test('queries answer what the suite expects', async () => {
  const answer = await ask(`{
    product(id: "apollo-federation") {
      package notes dimensions { size weight unit } createdBy { name totalProductsCreated yearsOfEmployment }
      research { study { caseNumber description } outcome }
    }
    deprecatedProduct(sku: "apollo-federation-v1", package: "@apollo/federation-v1") { reason createdBy { name } }
  }`);
  assert.deepEqual(answer, {
    data: {
      product: {
        package: '@apollo/federation',
        notes: null,
        dimensions: { size: 'small', weight: 1, unit: 'kg' },
        createdBy: { name: 'Jane Smith', totalProductsCreated: 1337, yearsOfEmployment: 10 },
        research: [{ study: { caseNumber: '1234', description: 'Federation Study' }, outcome: null }],
      },
      deprecatedProduct: { reason: 'Migrate to Federation V2', createdBy: { name: 'Jane Smith' } },
    },
  });
});

// The parts of Apollo's Trace that a subgraph fills in.
const { root: traces } = protobuf.parse(`syntax = "proto3";
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }
  message Trace {
    Timestamp end_time = 3; Timestamp start_time = 4; uint64 duration_ns = 11; Node root = 14;
    message Node {
      string response_name = 1; string type = 3; uint64 start_time = 8; uint64 end_time = 9;
      repeated Error error = 11; repeated Node child = 12; string parent_type = 13; string original_field_name = 14;
    }
    message Error { string message = 1; repeated Location location = 2; string json = 4; }
    message Location { uint32 line = 1; uint32 column = 2; }
  }`);

async function traceOf(query, variables) {
  const answer = await ask(query, variables, { 'apollo-federation-include-trace': 'ftv1' });
  assert.equal(typeof answer.extensions?.ftv1, 'string', JSON.stringify(answer));
  const type = traces.lookupType('Trace');
  return type.toObject(type.decode(Buffer.from(answer.extensions.ftv1, 'base64')), { longs: Number });
}

describe('a trace is in the extensions', () => {
  const query = '{ one: product(id: "apollo-federation") { id ...more } } fragment more on Product { variation { id } }';

  test('of every field that was asked for', async () => {
    const trace = await traceOf(query);
    const [one] = trace.root.child;
    assert.deepEqual(
      [one.responseName, one.originalFieldName, one.type, one.parentType],
      ['one', 'product', 'Product', 'Query'],
    );
    const named = one.child.map(({ responseName, type, parentType }) => [responseName, type, parentType]);
    assert.deepEqual(named, [['id', 'ID!', 'Product'], ['variation', 'ProductVariation', 'Product']]);
    assert.deepEqual(one.child[1].child.map(({ parentType }) => parentType), ['ProductVariation']);
    assert.ok(one.startTime < one.endTime && one.endTime <= trace.durationNs);
    assert.ok(Math.abs(trace.startTime.seconds - Date.now() / 1000) < 60);
  });

  test('with the errors, of entities too', async () => {
    const trace = await traceOf(
      'query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on User { name } } }',
      { representations: [{ __typename: 'Nobody' }] },
    );
    const [entities] = trace.root.child;
    assert.equal(entities.child[0].parentType, 'User');
    assert.match(entities.error[0].message, /Nobody/);
    assert.equal(JSON.parse(entities.error[0].json).message, entities.error[0].message);
  });

  test('only when it is asked for', async () => {
    assert.equal((await ask(query)).extensions, undefined);
  });
});
