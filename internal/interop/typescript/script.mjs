// The workflow function: it does what its input lists. script_test.go is the same in Go, step for step.

// interpreter makes the workflow function of a process; report tells the test, gate waits for its word.
export function interpreter({ report, gate }) {
  async function one({ step, run }, op, at) {
    switch (op.do) {
      case "run":
        return step.run(options(op), async () => {
          report({ event: "effect", run: run.id, at, by: "ts" });
          if (applies(op.gate)) await gate(at);
          if (applies(op.fail)) throw thrown(op);
          return { by: "ts", value: op.value ?? null };
        });
      case "sleep":
        return (await step.sleep(op.name, `${op.ms}ms`)) ?? null;
      case "wait":
        return step.waitForSignal({ signal: op.signal, ...named(op), ...timeout(op) });
      case "send": {
        const { workflowRunIds } = await step.sendSignal({ signal: op.signal, data: op.value ?? null, ...named(op) });
        return [...workflowRunIds].sort();
      }
      case "child":
        try {
          const spec = { name: op.workflow, ...(op.version && { version: op.version }) };
          return await step.runWorkflow(spec, op.input, { ...named(op), ...timeout(op) });
        } catch (error) {
          if (!op.catch || error.name !== "StepError") throw error; // what parks the run must pass
          return { caught: error.message, type: error.originalError.name };
        }
      case "all":
        return Promise.all(op.ops.map((o, i) => one({ step, run }, o, `${at}.${i}`)));
      case "throw":
        if (applies(op.fail)) throw thrown(op);
        return null;
    }
    throw new Error(`unknown operation ${op.do}`);
  }
  return async (context) => {
    const results = [];
    for (const [i, op] of context.input.ops.entries()) results.push(await one(context, op, `${i}`));
    return { by: "ts", results };
  };
}

const applies = (to) => to === "ts" || to === "both";
const named = (op) => (op.name ? { name: op.name } : {});
const timeout = (op) => (op.ms === undefined ? {} : { timeout: op.ms });

function options(op) {
  if (!op.attempts) return { name: op.name };
  return {
    name: op.name,
    retryPolicy: { initialInterval: "100ms", backoffCoefficient: 1, maximumInterval: "100ms", maximumAttempts: op.attempts },
  };
}

function thrown(op) {
  const error = new Error(op.message);
  if (op.type) error.name = op.type;
  return error;
}
