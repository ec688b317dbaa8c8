// The GraphQL-over-HTTP specification, and automatic persisted queries, asked of a server.
//
//   node over_http.mjs URL
//   GRAPHQL_URL=URL node --test over_http.mjs
//
// Every schema has `__typename` and `__type`, so that any server can be asked. Where the specification leaves a
// choice to the server, the test holds ours: 200 for every GraphQL answer as application/json, and 4xx for a refused
// document as application/graphql-response+json.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';

const url = process.argv[2] ?? process.env.GRAPHQL_URL;
if (!url) throw new Error('give the URL of the GraphQL endpoint, or set GRAPHQL_URL');

const JSON_TYPE = 'application/json';
const RESPONSE_TYPE = 'application/graphql-response+json';
const MEDIA_TYPES = [JSON_TYPE, RESPONSE_TYPE];

// One request; `answer` is its body where that is JSON.
async function send(target, init) {
  const response = await fetch(target, init);
  const text = await response.text();
  const type = (response.headers.get('content-type') ?? '').split(';')[0].trim();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = undefined;
  }
  return { status: response.status, headers: response.headers, type, text, answer };
}

function postText(body, headers = {}) {
  return send(url, { method: 'POST', headers: { 'content-type': JSON_TYPE, accept: JSON_TYPE, ...headers }, body });
}

function post(body, headers) {
  return postText(JSON.stringify(body), headers);
}

function get(parameters, headers = {}) {
  const target = new URL(url);
  for (const [name, value] of Object.entries(parameters)) {
    target.searchParams.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return send(target, { headers: { accept: JSON_TYPE, ...headers } });
}

function assertData(reply, data, type = JSON_TYPE) {
  assert.equal(reply.status, 200, reply.text);
  assert.equal(reply.type, type);
  assert.deepEqual(reply.answer, { data });
}

// A refusal is a GraphQL answer too, so that a client has one way to read it.
function assertRefused(reply, status, code) {
  assert.equal(reply.status, status, reply.text.slice(0, 300));
  assert.ok(reply.answer?.errors?.length > 0, `no errors entry: ${reply.text.slice(0, 300)}`);
  assert.ok(!('data' in reply.answer), 'a refused request has no data entry');
  for (const error of reply.answer.errors) assert.equal(typeof error.message, 'string');
  if (code) assert.equal(reply.answer.errors[0].extensions?.code, code);
}

describe('media types', () => {
  for (const type of MEDIA_TYPES) {
    test(`${type} is answered as ${type}`, async () => {
      const reply = await post({ query: '{ __typename }' }, { accept: type });
      assertData(reply, { __typename: 'Query' }, type);
      assert.doesNotMatch(reply.headers.get('content-type'), /charset=(?!utf-8)/i);
    });
  }

  for (const accept of ['*/*', 'application/*']) {
    test(`${accept} is answered as one of the two`, async () => {
      const reply = await post({ query: '{ __typename }' }, { accept });
      assert.equal(reply.status, 200);
      assert.ok(MEDIA_TYPES.includes(reply.type), reply.type);
    });
  }

  test('the usual Accept of clients gets a GraphQL response', async () => {
    const accept = 'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8;q=0.9';
    assertData(await post({ query: '{ __typename }' }, { accept }), { __typename: 'Query' }, RESPONSE_TYPE);
  });

  test('the quality decides, not the order', async () => {
    const accept = 'application/json;q=0.5, application/graphql-response+json;q=0.9';
    assertData(await post({ query: '{ __typename }' }, { accept }), { __typename: 'Query' }, RESPONSE_TYPE);
  });

  for (const accept of ['text/csv', 'image/png, text/plain']) {
    test(`${accept} is not acceptable`, async () => {
      assert.equal((await post({ query: '{ __typename }' }, { accept })).status, 406);
    });
  }

  test('a charset in the content type of the request is understood', async () => {
    const reply = await post({ query: '{ __typename }' }, { 'content-type': 'Application/JSON; charset=UTF-8' });
    assertData(reply, { __typename: 'Query' });
  });

  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp']) {
    test(`a body of ${type} is unsupported`, async () => {
      const reply = await post({ query: '{ __typename }' }, { 'content-type': type });
      assertRefused(reply, 415, 'UNSUPPORTED_MEDIA_TYPE');
    });
  }

  test('a body without a content type is unsupported', async () => {
    const body = new TextEncoder().encode('{"query":"{ __typename }"}');
    assertRefused(await send(url, { method: 'POST', headers: { accept: JSON_TYPE }, body }), 415);
  });
});

describe('status of a GraphQL refusal', () => {
  const cases = [
    ['a document that does not parse', { query: '{' }, 'GRAPHQL_PARSE_FAILED'],
    ['a document that is not valid', { query: '{ noSuchField }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['an operation that is not there', { query: 'query A { __typename }', operationName: 'B' }],
    ['a choice between operations left open', { query: 'query A { __typename } query B { __typename }' }],
    ['a document of fragments only', { query: 'fragment F on Query { __typename }' }],
    ['a variable that is missing', { query: 'query ($n: String!) { __type(name: $n) { name } }' }],
    ['a variable of another type', { query: 'query ($n: String!) { __type(name: $n) { name } }', variables: { n: 5 } }],
    ['a variable that is null', { query: 'query ($n: String!) { __type(name: $n) { name } }', variables: { n: null } }],
  ];
  for (const [what, body, code] of cases) {
    test(`${what}: 200 as JSON, 400 as GraphQL response`, async () => {
      assertRefused(await post(body), 200, code);
      const reply = await post(body, { accept: RESPONSE_TYPE });
      assertRefused(reply, 400, code);
      assert.equal(reply.type, RESPONSE_TYPE);
    });
  }
});

describe('POST', () => {
  const bodies = [
    ['nothing', ''],
    ['half an object', '{"query": "{ __typename }"'],
    ['text after the object', '{"query": "{ __typename }"} x'],
    ['a number', '5'],
    ['a string', '"{ __typename }"'],
    ['null', 'null'],
    ['an object without query', '{}'],
    ['a null query', '{"query": null}'],
    ['a query that is no string', '{"query": {"a": 1}}'],
    ['an operationName that is no string', '{"query": "{ __typename }", "operationName": 5}'],
    ['variables that are a string', '{"query": "{ __typename }", "variables": "{}"}'],
    ['variables that are a list', '{"query": "{ __typename }", "variables": [1]}'],
    ['extensions that are no object', '{"query": "{ __typename }", "extensions": "x"}'],
  ];
  for (const type of MEDIA_TYPES) {
    for (const [what, body] of bodies) {
      test(`${what} is refused as ${type}`, async () => assertRefused(await postText(body, { accept: type }), 400));
    }
  }

  test('bytes that are not UTF-8 are refused', async () => {
    const head = new TextEncoder().encode('{"query":"{ __typename } # ');
    assertRefused(await postText(Buffer.concat([head, Buffer.from([0xc3, 0x28]), Buffer.from('"}')])), 400);
  });

  test('a batch is refused unless it is switched on', async () => {
    assertRefused(await post([{ query: '{ __typename }' }]), 400);
  });

  test('null for what is optional means absent, and unknown members are ignored', async () => {
    const body = { query: '{ __typename }', variables: null, operationName: null, extensions: null, other: 1 };
    assertData(await post(body), { __typename: 'Query' });
  });

  test('operationName chooses', async () => {
    const query = 'query A { a: __typename } query B { b: __typename }';
    assertData(await post({ query, operationName: 'B' }), { b: 'Query' });
  });

  test('variables arrive, with every character of theirs', async () => {
    const query = 'query ($n: String!) { __type(name: $n) { name } }';
    assertData(await post({ query, variables: { n: 'String' } }), { __type: { name: 'String' } });
    assertData(await post({ query, variables: { n: 'é\u0000 😀"\\' } }), { __type: null });
  });

  test('a body beyond the limit is refused', async () => {
    assertRefused(await post({ query: `{ __typename } #${'x'.repeat(2 << 20)}` }), 413, 'PAYLOAD_TOO_LARGE');
  });
});

describe('GET', () => {
  for (const type of MEDIA_TYPES) {
    test(`a query is answered as ${type}`, async () => {
      assertData(await get({ query: '{ __typename }' }, { accept: type }), { __typename: 'Query' }, type);
    });
  }

  test('a tool that accepts anything gets JSON, not the page', async () => {
    const reply = await get({ query: '{ __typename }' }, { accept: '*/*' });
    assert.ok(MEDIA_TYPES.includes(reply.type), reply.type);
  });

  test('variables and operationName are parameters', async () => {
    const query = 'query A { __typename } query B($n: String!) { __type(name: $n) { name } }';
    const reply = await get({ query, operationName: 'B', variables: { n: 'String' } });
    assertData(reply, { __type: { name: 'String' } });
  });

  test('no query is refused', async () => assertRefused(await get({ other: 'x' }), 400));

  for (const [name, value] of [['variables', '{'], ['variables', '[1]'], ['extensions', 'x']]) {
    test(`${name}=${value} is refused`, async () => {
      assertRefused(await get({ query: '{ __typename }', [name]: value }), 400);
    });
  }

  test('a mutation is refused and names the method that may', async (t) => {
    const reply = await get({ query: 'mutation { __typename }' });
    const { answer } = await post({ query: '{ __schema { mutationType { name } } }' });
    if (answer.data.__schema.mutationType) {
      assertRefused(reply, 405, 'METHOD_NOT_ALLOWED');
      assert.match(reply.headers.get('allow') ?? '', /POST/);
    } else {
      // Without mutations the document is also invalid; either reason will do.
      t.diagnostic('the schema has no mutations');
      assert.ok(reply.status === 405 || (reply.status === 200 && reply.answer.errors), `${reply.status} ${reply.text}`);
      assert.equal(reply.answer.data, undefined);
    }
  });

  test('the mutation of a document with a query is refused, its query is not', async () => {
    const { answer } = await post({ query: '{ __schema { mutationType { name } } }' });
    if (!answer.data.__schema.mutationType) return;
    const query = 'query Q { __typename } mutation M { __typename }';
    assertData(await get({ query, operationName: 'Q' }), { __typename: 'Query' });
    assertRefused(await get({ query, operationName: 'M' }), 405);
  });

  for (const method of ['PUT', 'DELETE', 'PATCH']) {
    test(`${method} is not a method of GraphQL`, async () => {
      const reply = await send(url, { method, headers: { accept: JSON_TYPE, 'content-type': JSON_TYPE } });
      assert.equal(reply.status, 405);
      assert.match(reply.headers.get('allow') ?? '', /GET.*POST|POST.*GET/);
    });
  }
});

describe('persisted queries', () => {
  // New on every run, so that a server that is still up does not know it.
  const fresh = () => `{ persisted${Date.now()}${Math.floor(Math.random() * 1e9)}: __typename }`;
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const persisted = (query) => ({ persistedQuery: { version: 1, sha256Hash: sha256(query) } });
  const alias = (query) => query.match(/\w+/)[0];

  for (const [first, then] of [[post, post], [post, get], [get, get], [get, post]]) {
    test(`unknown by ${first.name}, registered by POST, then known by ${then.name}`, async () => {
      const query = fresh();
      const extensions = persisted(query);
      const unknown = await first({ extensions });
      assertRefused(unknown, 200, 'PERSISTED_QUERY_NOT_FOUND');
      assert.equal(unknown.answer.errors[0].message, 'PersistedQueryNotFound');
      assertData(await post({ query, extensions }), { [alias(query)]: 'Query' });
      assertData(await then({ extensions }), { [alias(query)]: 'Query' });
    });
  }

  test('a GET may register too', async () => {
    const query = fresh();
    const extensions = persisted(query);
    assertData(await get({ query, extensions }), { [alias(query)]: 'Query' });
    assertData(await get({ extensions }), { [alias(query)]: 'Query' });
  });

  test('variables go with a hash', async () => {
    const query = `query ($n: String!) { ${alias(fresh())}: __type(name: $n) { name } }`;
    const extensions = persisted(query);
    await post({ query, extensions, variables: { n: 'Int' } });
    const { answer } = await post({ extensions, variables: { n: 'String' } });
    assert.deepEqual(Object.values(answer.data), [{ name: 'String' }]);
  });

  test('a hash of another text is refused and not kept', async () => {
    const query = fresh();
    const extensions = persisted(`${query} `);
    assertRefused(await post({ query, extensions }), 400);
    assertRefused(await post({ extensions }), 200, 'PERSISTED_QUERY_NOT_FOUND');
  });

  test('a hash does not smuggle a mutation into a GET', async (t) => {
    const { answer } = await post({ query: '{ __schema { mutationType { name } } }' });
    if (!answer.data.__schema.mutationType) return t.diagnostic('the schema has no mutations');
    const query = `mutation ${fresh()}`;
    const extensions = persisted(query);
    await post({ query, extensions });
    assertRefused(await get({ extensions }), 405);
  });
});
