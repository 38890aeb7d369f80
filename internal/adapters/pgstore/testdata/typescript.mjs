// Works on a database as a TypeScript service does: node typescript.mjs MODULES URL SCHEMA make|finish
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
const [modules, url, schema, what] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { BackendPostgres } = await import(pathToFileURL(require.resolve("openworkflow/postgres")).href);
const backend = await BackendPostgres.connect(url, { schema });
const lease = { workerId: "typescript", leaseDurationMs: 60000 };
if (what === "make") {
  await backend.createWorkflowRun({
    workflowName: "both", version: null, idempotencyKey: "made by typescript", config: {}, context: null,
    input: { by: "typescript" }, availableAt: null, deadlineAt: null,
  });
} else {
  const run = await backend.claimWorkflowRun(lease);
  const step = await backend.createStepAttempt({
    workflowRunId: run.id, workerId: lease.workerId, stepName: "step", kind: "function", config: {}, context: null,
  });
  await backend.completeStepAttempt({
    workflowRunId: run.id, stepAttemptId: step.id, workerId: lease.workerId, output: { seen: run.input },
  });
  await backend.completeWorkflowRun({ workflowRunId: run.id, workerId: lease.workerId, output: run.input });
  console.log(run.id);
}
await backend.stop();
