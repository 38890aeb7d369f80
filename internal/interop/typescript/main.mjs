// A TypeScript service that a test drives: requests come in and answers go out as lines of JSON.
// node main.mjs URL SCHEMA
import { createInterface } from "node:readline";
import { OpenWorkflow } from "openworkflow";
import { BackendPostgres } from "openworkflow/postgres";
import { interpreter } from "./script.mjs";
import { inSpan, spans } from "./tracing.mjs";

const [url, schema] = process.argv.slice(2);
const write = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
console.error = (...words) => write({ event: "log", words: words.map((w) => w?.stack ?? String(w)).join(" ") });

const closed = new Map(); // gates that steps stand at
let open = false;
const gate = (at) => {
  if (open) return undefined;
  return new Promise((resolve) => {
    closed.set(resolve, at);
    write({ event: "gate", at });
  });
};
const script = interpreter({ report: write, gate });
const echo = async ({ input, step }) => step.run({ name: "echo" }, () => input);

const backend = await BackendPostgres.connect(url, { schema }); // makes the tables, or takes those that it finds
const client = new OpenWorkflow({ backend });
const handles = new Map();
const workers = [];

const verbs = {
  async start({ workflow, version, input, key, deadlineMs, afterMs }) {
    const handle = await inSpan("request", () =>
      client.runWorkflow({ name: workflow, ...(version && { version }) }, input, {
        ...(key && { idempotencyKey: key }),
        ...(deadlineMs && { deadlineAt: new Date(Date.now() + deadlineMs) }),
        ...(afterMs && { availableAt: `${afterMs}ms` }),
      }),
    );
    handles.set(handle.workflowRun.id, handle);
    return handle.workflowRun.id;
  },
  // result is the handle's of a run that was started here. There is no handle of another: get reads those.
  result: ({ run, timeoutMs }) => handles.get(run).result({ timeoutMs }),
  get: ({ run }) => backend.getWorkflowRun({ workflowRunId: run }),
  spans: ({ run }) => spans(run),
  cancel: ({ run }) => client.cancelWorkflowRun(run),
  signal: async ({ signal, value, key }) =>
    (await client.sendSignal({ signal, data: value ?? null, ...(key && { idempotencyKey: key }) })).workflowRunIds.sort(),
  list: (params) => backend.listWorkflowRuns(params),
  steps: ({ run, limit, after }) => backend.listStepAttempts({ workflowRunId: run, limit, after }),
  count: () => backend.countWorkflowRuns(),
  async worker({ workflows, concurrency }) {
    const owner = new OpenWorkflow({ backend });
    for (const { name, version, attempts } of workflows) {
      const retryPolicy = { initialInterval: "100ms", maximumInterval: "100ms", maximumAttempts: attempts ?? 1 };
      owner.implementWorkflow({ name, ...(version && { version }), retryPolicy }, name.startsWith("echo") ? echo : script);
    }
    const worker = owner.newWorker({ concurrency });
    await worker.start();
    workers.push(worker);
    return null;
  },
  async stop() {
    await Promise.all(workers.splice(0).map((w) => w.stop()));
    return null;
  },
  async open() {
    open = true;
    for (const resolve of closed.keys()) resolve();
    closed.clear();
    return null;
  },
};

write({ event: "ready" });
for await (const line of createInterface({ input: process.stdin })) {
  const { id, verb, ...args } = JSON.parse(line);
  Promise.resolve(args).then(verbs[verb]).then(
    (value) => write({ id, value: value ?? null }),
    (error) => write({ id, error: `${error.name}: ${error.message}` }),
  );
}
process.exit(0);
