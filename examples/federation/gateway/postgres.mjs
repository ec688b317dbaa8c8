// Stops the PostgreSQL of a service that `make federation KEEP=1` runs, and starts it again.
//
//   node postgres.mjs stop DIRECTORY
//   node postgres.mjs start DIRECTORY
//
// DIRECTORY is what run.mjs prints as ORDERS_PG.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const [action, directory] = process.argv.slice(2);
if (!['stop', 'start'].includes(action) || !directory) throw new Error('say stop or start, and the directory');
const data = join(directory, 'data');
const pidFile = join(data, 'postmaster.pid');
// How PostgreSQL was started, as a line of shell that it has written itself.
const options = join(data, 'postmaster.opts');

const isReady = () => existsSync(pidFile) && readFileSync(pidFile, 'utf8').split('\n')[7]?.trim() === 'ready';
const isGone = () => !existsSync(pidFile);

async function until(done) {
  for (let waited = 0; !done(); waited += 100) {
    if (waited > 60_000) throw new Error(`PostgreSQL does not ${action}; see ${join(directory, 'log')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

if (action === 'stop') {
  // SIGINT is what PostgreSQL calls a fast shutdown.
  process.kill(Number(readFileSync(pidFile, 'utf8').split('\n')[0]), 'SIGINT');
  await until(isGone);
} else {
  // Root is refused: it runs as whoever owns the data.
  const { uid, gid } = statSync(data);
  const owner = process.getuid() === 0 ? { uid, gid } : {};
  spawn('sh', [options], { cwd: data, detached: true, stdio: 'ignore', ...owner }).unref();
  await until(isReady);
}
