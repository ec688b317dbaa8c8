// Subgraphs → supergraph: what `rover supergraph compose` does, from the SDL that running services answer.

import { composeServices } from '@theguild/federation-composition';
import { parse } from 'graphql';

/// The SDL of one service.
export async function sdlOf(url, headers = {}) {
  const answer = await post(url, { query: '{ _service { sdl } }' }, headers);
  if (!answer.data?._service?.sdl) throw new Error(`${url} answers no SDL: ${JSON.stringify(answer)}`);
  return answer.data._service.sdl;
}

/// The supergraph of `{ name: url }`; every error of the composition when there is none.
export async function compose(services, headers = {}) {
  const subgraphs = Object.entries(services).map(async ([name, url]) => ({
    name,
    url,
    typeDefs: parse(await sdlOf(url, headers)),
  }));
  const result = composeServices(await Promise.all(subgraphs));
  if (result.errors) throw new Error(result.errors.map((error) => error.message).join('\n'));
  return result.supergraphSdl;
}

export async function post(url, body, headers = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return response.json();
}
