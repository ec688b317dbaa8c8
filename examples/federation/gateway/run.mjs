// Two services, each with a PostgreSQL of its own, a supergraph composed from their live SDL, a gateway over both, and
// the dashboard asked through it with a token.
//
//   node run.mjs FRAISEQL          prints the dashboard and stops everything
//   node run.mjs FRAISEQL --keep   leaves everything running until Ctrl-C
//
// FRAISEQL is the program. USERS_PORT, ORDERS_PORT and GATEWAY_PORT move the ports 4001, 4002 and 4000.

import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compose, post } from './compose.mjs';

const here = dirname(fileURLToPath(import.meta.url));
// The folder of the two projects.
const example = process.env.EXAMPLE ?? dirname(here);
const [program, mode] = process.argv.slice(2);
if (!program) throw new Error('name the program: node run.mjs target/release/fraiseql');

const port = (name, fallback) => Number(process.env[name] ?? fallback);
const ports = { users: port('USERS_PORT', 4001), orders: port('ORDERS_PORT', 4002), gateway: port('GATEWAY_PORT', 4000) };
const folders = { users: 'user-service', orders: 'order-service' };
const services = { users: `http://localhost:${ports.users}/graphql`, orders: `http://localhost:${ports.orders}/graphql` };

// Nobody but this run knows the secret.
const secret = randomBytes(32).toString('hex');
const directory = mkdtempSync(join(tmpdir(), 'fraiseql-federation-'));
const running = [];
const interrupted = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
});

function start(name, command, args, options) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => said.push(data));
  const one = { name, child, said: () => Buffer.concat(said).toString(), ended: false };
  child.on('exit', () => (one.ended = true));
  child.on('error', (error) => {
    said.push(Buffer.from(`${error}\n`));
    one.ended = true;
  });
  running.push(one);
  return one;
}

async function ready(one, url) {
  for (let waited = 0; waited < 120_000; waited += 200) {
    if (one.ended) break;
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${one.name} does not answer at ${url}\n${one.said()}`);
}

async function stop() {
  const ended = running.map(({ child, ended }) => ended || new Promise((resolve) => child.once('exit', resolve)));
  for (const { child } of running) child.kill('SIGTERM');
  await Promise.all(ended);
  rmSync(directory, { recursive: true, force: true });
}

function token(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const message = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${message}.${createHmac('sha256', secret).update(message).digest('base64url')}`;
}

// The directory of the private PostgreSQL of a `fraiseql dev`.
function postgresOf(pid) {
  for (const base of [tmpdir(), '/tmp']) {
    const found = readdirSync(base).find((name) => name.startsWith(`fraiseql-pg-${pid}-`));
    if (found) return join(base, found);
  }
  throw new Error(`process ${pid} has no PostgreSQL`);
}

async function main() {
  const environment = { ...process.env, FRAISEQL_AUTH_JWT_SECRET: secret, FRAISEQL_AUTH_REQUIRED: 'true' };
  const started = Object.entries(folders).map(([name, folder]) => {
    const args = ['dev', join(example, folder), '--port', String(ports[name])];
    return [start(folder, resolve(program), args, { env: environment }), ports[name]];
  });
  await Promise.all(started.map(([one, port]) => ready(one, `http://localhost:${port}/ready`)));
  for (const [{ name }, port] of started) console.log(`${name.padEnd(14)} http://localhost:${port}`);

  const bearer = token({ sub: 'ann', exp: Math.floor(Date.now() / 1000) + 3600 });
  const headers = { authorization: `Bearer ${bearer}` };
  const supergraph = join(directory, 'supergraph.graphql');
  writeFileSync(supergraph, await compose(services, headers));
  const cli = join(here, 'node_modules', '.bin', 'hive-gateway');
  const config = ['supergraph', '--config-path', join(here, 'gateway.config.mjs')];
  const gateway = start('the gateway', cli, config, {
    cwd: here,
    env: { ...process.env, SUPERGRAPH: supergraph, GATEWAY_PORT: String(ports.gateway) },
  });
  await ready(gateway, `http://localhost:${ports.gateway}/readiness`);
  console.log(`${'gateway'.padEnd(14)} http://localhost:${ports.gateway}\n`);

  const url = `http://localhost:${ports.gateway}/graphql`;
  const dashboard = {
    query: readFileSync(join(dirname(here), 'user_dashboard.graphql'), 'utf8'),
    variables: { userId: '11111111-1111-4111-8111-111111111111', orderId: 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa' },
  };
  const refused = await post(url, dashboard);
  if (refused.data?.user || refused.data?.order) throw new Error(`no token was asked for: ${JSON.stringify(refused)}`);
  console.log('Without a token:', refused.errors?.[0]?.message ?? JSON.stringify(refused));
  const answer = await post(url, dashboard, headers);
  if (answer.errors || !answer.data?.user || !answer.data?.order) throw new Error(JSON.stringify(answer));
  console.log('UserDashboard, with one:');
  console.log(JSON.stringify(answer.data, null, 2));
  if (mode === '--keep') {
    const orders = started.find(([{ name }]) => name === folders.orders)[0];
    console.log(`\nAsk more at ${url}. Ctrl-C stops everything.\nexport TOKEN=${bearer}`);
    console.log(`export ORDERS_PG=${postgresOf(orders.child.pid)}`);
    await interrupted;
  }
}

let failed = false;
await Promise.race([main(), interrupted]).catch((error) => {
  failed = true;
  console.error(error.message);
});
await stop();
process.exit(failed ? 1 : 0);
