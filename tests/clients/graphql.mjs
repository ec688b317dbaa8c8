// graphql-js as the judge of a server: its schema, and its verdict on many documents.
//
//   node graphql.mjs URL SDL_FILE
//   GRAPHQL_URL=URL GRAPHQL_SDL=FILE node --test graphql.mjs
//
// The server serves the shop (examples/shop) with introspection on; the file is the SDL that it publishes. The rules
// of HTTP are in over_http.mjs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as graphql from 'graphql';
import { INVALID, SUBSCRIPTIONS_INVALID, VALID } from './documents.mjs';

const url = process.argv[2] ?? process.env.GRAPHQL_URL;
const sdlFile = process.argv[3] ?? process.env.GRAPHQL_SDL;
if (!url) throw new Error('give the URL of the GraphQL endpoint, or set GRAPHQL_URL');

const REFUSALS = ['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED'];

async function ask(body) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    assert.fail(`status ${response.status}, and a body that is not JSON: ${text.slice(0, 200)}`);
  }
}

// The answer to graphql-js's own introspection query, asked once and with everything it can ask for.
async function introspect() {
  const options = {
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
  };
  // oneOf is younger than October 2021, so that a server may not know it.
  for (const oneOf of [true, false]) {
    const answer = await ask({ query: graphql.getIntrospectionQuery({ ...options, oneOf }) });
    if (!answer.errors) return answer.data;
    if (!oneOf) assert.fail(`introspection is refused: ${JSON.stringify(answer.errors)}`);
  }
}

const introspection = introspect();
const schema = introspection.then((data) => graphql.buildClientSchema(data));
// Each test awaits the schema and fails by itself; a rejection nobody has awaited yet is not one more failure.
schema.catch(() => {});

describe('schema', () => {
  test('introspection builds a valid schema', async () => {
    assert.deepEqual(graphql.validateSchema(await schema), []);
  });

  test('introspection and the published SDL are the same schema', async () => {
    assert.ok(sdlFile, 'give the file of the published SDL, or set GRAPHQL_SDL');
    // What only a router asks is not in the SDL of a subgraph, which tells the router the rest.
    const ofRouters =
      /^(?: *"""[^"]*"""\n)?(?:  _(?:entities|service)\b.*\n|(?:scalar _Any|union _Entity = .*|type _Service \{[^}]*\})\n*)/gm;
    const printed = (value) => graphql.printSchema(graphql.lexicographicSortSchema(value));
    const print = (value) => printed(value).replace(ofRouters, '').replaceAll('{\n\n', '{\n').trim();
    // Directives of federation are declared by the router, not by the subgraph.
    const published = graphql.buildSchema(readFileSync(sdlFile, 'utf8'), { assumeValidSDL: true });
    assert.equal(print(graphql.buildASTSchema(ofService(graphql.parse(graphql.printSchema(await schema))))), print(published));
  });
});

// A document without what only a router asks for, which no subgraph publishes: `_service`, `_entities`, their types.
function ofService(document) {
  const isOwn = ({ name }) => !name?.value.startsWith('_');
  const definitions = document.definitions.filter(isOwn);
  return { ...document, definitions: definitions.map((one) => ({ ...one, fields: one.fields?.filter(isOwn) })) };
}

// What graphql-js says against a document; with `rule`, what that rule alone says.
function judge(schema, query, rule) {
  let document;
  try {
    document = graphql.parse(query);
  } catch (error) {
    return { errors: [error], broken: 'Syntax' };
  }
  const rules = rule && rule !== 'Syntax' ? [graphql[rule]] : undefined;
  return { errors: graphql.validate(schema, document, rules), broken: rule };
}

function assertRefusal(answer, query) {
  assert.ok(answer.errors?.length, `the server accepts it: ${JSON.stringify(answer).slice(0, 200)}`);
  assert.ok(!('data' in answer), 'an answer to a refused document has no data entry');
  const lines = query.split('\n').length;
  for (const error of answer.errors) {
    const shown = JSON.stringify(error);
    assert.ok(REFUSALS.includes(error.extensions?.code), `refused for another reason: ${shown}`);
    assert.ok(typeof error.message === 'string' && error.message !== '', `no message: ${shown}`);
    assert.ok(error.locations?.length > 0, `no locations: ${shown}`);
    for (const { line, column } of error.locations) {
      assert.ok(line >= 1 && line <= lines && column >= 1, `a location outside the document: ${shown}`);
    }
  }
}

describe('invalid documents are refused with locations', () => {
  for (const { rule, query } of INVALID) {
    test(`${rule}: ${query}`, async () => {
      const verdict = judge(await schema, query, rule);
      assert.ok(verdict.errors.length && verdict.broken === rule, `graphql-js sees no breach of ${rule}`);
      const answer = await ask({ query });
      assertRefusal(answer, query);
      const expected = rule === 'Syntax' ? 'GRAPHQL_PARSE_FAILED' : 'GRAPHQL_VALIDATION_FAILED';
      assert.deepEqual([...new Set(answer.errors.map((error) => error.extensions.code))], [expected]);
    });
  }

  for (const { rule, query } of SUBSCRIPTIONS_INVALID) {
    test(`${rule}: ${query}`, async () => {
      const answer = await ask({ query });
      if ((await schema).getSubscriptionType()) {
        assert.ok(judge(await schema, query, rule).errors.length, `graphql-js sees no breach of ${rule}`);
        assertRefusal(answer, query);
      } else {
        assert.ok(answer.errors?.length && !answer.data, 'an operation type that the schema lacks is refused');
      }
    });
  }
});

describe('valid documents are answered', () => {
  for (const { query, variables, operationName } of VALID) {
    test(query, async () => {
      assert.deepEqual(judge(await schema, query).errors.map(String), []);
      const answer = await ask({ query, variables, operationName });
      assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
      assert.ok(answer.data, 'an answer without errors has data');
    });
  }
});
