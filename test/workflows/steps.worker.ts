/** Records steps of one execution, one commit each, and tells each with its id: `PROJECT ROUND`. */
import { FlowStore } from "flowstore";
import { tell } from "../process/store-worker.ts";

const [project = "", round = ""] = process.argv.slice(2);
const store = await FlowStore.open(project, { actor: "killed" });
for (let at = 0; ; at += 1) {
  const stepIndex = Number(round) * 1000 + at;
  const row = {
    workflowExecutionId: "exec-1",
    stepIndex,
    stepName: "step",
    status: "COMPLETED",
  } as const;
  const patch = { currentStep: stepIndex };
  const { checkpoints } = await store.workflows.advance("exec-1", { patch, checkpoints: [row] });
  tell(`${stepIndex} ${checkpoints[0]?.id}`);
}
