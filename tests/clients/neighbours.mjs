// The two subgraphs that the compatibility suite sets beside the products: users, and an inventory. graphql-js serves
// them, as a service in Node would.

import { createServer } from 'node:http';
import { buildSchema, graphql } from 'graphql';

const link = (imports) => `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: [${imports}])\n`;

export const USERS = `${link('"@key", "@shareable"')}
type User @key(fields: "email") {
  email: ID!
  name: String
  totalProductsCreated: Int @shareable
  yearsOfEmployment: Int!
}
`;

export const INVENTORY = `${link('"@key", "@external", "@requires", "@shareable"')}
type Product @key(fields: "id") {
  id: ID!
  dimensions: ProductDimension @external
  deliveryDays(zip: String): Int @requires(fields: "dimensions { size weight }")
}

type ProductDimension @shareable {
  size: String
  weight: Float
}

interface Inventory @key(fields: "id") {
  id: ID!
  products: [Product!]!
}

type Warehouse implements Inventory @key(fields: "id") {
  id: ID!
  products: [Product!]!
}

type Query {
  inventory(id: ID!): Inventory
}
`;

const warehouse = (id) => ({
  __typename: 'Warehouse',
  id,
  products: ['apollo-federation', 'apollo-studio'].map((product) => ({ __typename: 'Product', id: product })),
});

const ENTITIES = {
  // The name is not the one that the products have: whoever reads it asked the wrong service.
  User: ({ email }) => ({ email, name: 'Somebody Else', totalProductsCreated: 1337, yearsOfEmployment: 10 }),
  Product: ({ id, dimensions }) => ({
    id,
    deliveryDays: () => (dimensions?.size === 'small' && dimensions.weight === 1 ? 2 : 9),
  }),
  Warehouse: ({ id }) => warehouse(id),
  Inventory: ({ id }) => warehouse(id),
};

// Serves one of them; `asked` collects the documents that arrive.
export async function serve(sdl, types) {
  const query = sdl.includes('type Query') ? 'extend type Query' : 'type Query';
  const schema = buildSchema(
    `${sdl}
    scalar _Any
    scalar FieldSet
    union _Entity = ${types.join(' | ')}
    type _Service { sdl: String! }
    ${query} { _entities(representations: [_Any!]!): [_Entity]! _service: _Service! }`,
    { assumeValidSDL: true },
  );
  const rootValue = {
    _service: () => ({ sdl }),
    _entities: ({ representations }) =>
      representations.map((one) => ({ __typename: one.__typename, ...ENTITIES[one.__typename](one) })),
    inventory: ({ id }) => warehouse(id),
  };
  const asked = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { query: source, variables } = JSON.parse(Buffer.concat(chunks));
    asked.push(source);
    const answer = await graphql({ schema, source, rootValue, variableValues: variables });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/graphql`, asked, stop: () => server.close() };
}
