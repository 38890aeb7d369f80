// One measurement of the TypeScript OpenWorkflow: node main.mjs CELL '{"url", "schema", …}'. It prints one line
// of JSON, an object of figures. ../typescript.go calls it, with a schema that is dropped afterwards, or, where "path" is given
// instead, with a SQLite file.
import { OpenWorkflow } from "openworkflow";
import postgres from "postgres";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";

const [cell, raw] = process.argv.slice(2);
const given = JSON.parse(raw);

async function connect() {
  if (given.path) {
    const { BackendSqlite } = await import("openworkflow/sqlite");
    return BackendSqlite.connect(given.path);
  }
  const { BackendPostgres } = await import("openworkflow/postgres");
  return BackendPostgres.connect(given.url, { schema: given.schema });
}

const backend = await connect();
const ow = new OpenWorkflow({ backend });
const admin = given.path ? null : postgres(given.url, { max: 1 });
const runs = admin?.(`${given.schema}.workflow_runs`);

// finished counts the workflow functions that returned; replayed is called when the steps of one are done.
let finished = 0;
let replayed = () => {};

const work = ow.defineWorkflow({ name: "work" }, async ({ step }) => {
  for (let i = 1; i <= given.steps; i++) {
    await step.run({ name: `step-${i}` }, () => ({ ok: true }));
  }
  await replayed();
  finished++;
  return null;
});

// start starts runs from so many places at once, until next() is false, and returns how many.
async function start(places, next) {
  let started = 0;
  await Promise.all(
    Array.from({ length: places }, async () => {
      while (next(started)) {
        started++;
        await work.run();
      }
    }),
  );
  return started;
}

// seed makes the runs that drain finds.
async function seed() {
  await start(64, (n) => n < given.runs);
  if (!admin) return {};
  for (const table of ["workflow_runs", "step_attempts"]) {
    await admin`VACUUM ANALYZE ${admin(`${given.schema}.${table}`)}`;
  }
  await admin`CHECKPOINT`;
  return {};
}

// drain measures from before the worker's start until the database has all runs completed.
async function drain() {
  const used = process.cpuUsage();
  const began = performance.now();
  await ow.newWorker({ concurrency: given.concurrency }).start();
  while (finished < given.runs) await pause(5);
  for (;;) {
    const { completed } = await backend.countWorkflowRuns();
    if (completed === given.runs) break;
    await pause(10);
  }
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(used);
  return { seconds, cpu: (user + system) / 1e6 };
}

// latency measures from start to result, the next after the last. result() polls every second, as is its default.
async function latency() {
  await ow.newWorker({ concurrency: given.concurrency }).start();
  const times = [];
  for (let i = 0; i < given.runs + 1; i++) {
    const began = performance.now();
    const handle = await work.run();
    await handle.result();
    if (i > 0) times.push(performance.now() - began); // the first one finds cold connections
    await pause(2);
  }
  return { times };
}

// enqueue measures how fast runs are started.
async function enqueue() {
  await work.run();
  const began = performance.now();
  const until = began + given.milliseconds;
  const started = await start(given.places, () => performance.now() < until);
  return { rate: (started * 1000) / (performance.now() - began) };
}

// execute measures the one run there is from before the worker's start to the return of its function.
async function execute() {
  const done = new Promise((resolve) => {
    replayed = () => resolve(performance.now());
  });
  const began = performance.now();
  await ow.newWorker({ concurrency: 1 }).start();
  return { seconds: ((await done) - began) / 1000 };
}

async function long() {
  await work.run();
  return execute();
}

// history makes a run whose worker dies when all its steps are recorded.
async function history() {
  await work.run();
  replayed = () => process.kill(process.pid, "SIGKILL");
  await ow.newWorker({ concurrency: 1 }).start();
  await new Promise(() => {});
}

// resume executes that run as if the dead worker's lease had expired.
async function resume() {
  await admin`UPDATE ${runs} SET available_at = now() - interval '1 s'`;
  return execute();
}

const cells = { seed, drain, latency, enqueue, long, history, resume };
console.log(JSON.stringify(await cells[cell]()));
process.exit(0);
