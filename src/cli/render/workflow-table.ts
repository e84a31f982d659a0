/** Executions of workflows for people, and what happened to one. */
import type { ExecutionStatus, WorkflowExecution } from "../../index.ts";
import type { Happened } from "../commands/workflow-happened.ts";
import { visible } from "./safe-text.ts";
import { renderTable } from "./table.ts";
import type { Colour, Terminal } from "./terminal.ts";
import { timeSpan } from "./time-span.ts";

export const EXECUTION_COLOURS: Readonly<Record<ExecutionStatus, Colour>> = {
  PENDING: "bold",
  RUNNING: "cyan",
  SUSPENDED: "yellow",
  COMPLETED: "green",
  FAILED: "red",
  COMPENSATING: "cyan",
  CANCELLED: "dim",
};

export function renderExecutions(
  executions: readonly WorkflowExecution[],
  terminal: Terminal,
  nowMs: number,
): string {
  if (executions.length === 0) return "No executions";
  const ago = (text: string): string => timeSpan(Math.max(0, nowMs - Date.parse(text)));
  return renderTable(
    executions,
    [
      {
        title: "STATUS",
        cell: ({ status }) => status,
        paint: (text, { status }) => terminal.paint(EXECUTION_COLOURS[status], text),
      },
      { title: "ID", cell: ({ workflowExecutionId }) => workflowExecutionId },
      { title: "WORKFLOW", cell: ({ workflowId }) => nameOf(workflowId), minWidth: 8 },
      { title: "STEP", cell: ({ currentStep }) => String(currentStep), align: "right" },
      { title: "AGE", cell: ({ createdAt }) => ago(createdAt), align: "right", expendable: 2 },
      { title: "CHANGED", cell: ({ updatedAt }) => ago(updatedAt), align: "right", expendable: 1 },
      {
        title: "ERROR",
        cell: ({ errorMessage }) => errorMessage ?? "",
        minWidth: 10,
        expendable: 3,
      },
    ],
    terminal,
  );
}

/** The engine names the definition of a type `wf-<type>`. */
export function nameOf(workflowId: string): string {
  return workflowId.startsWith("wf-") ? workflowId.slice(3) : workflowId;
}

export function renderHappened(moments: readonly Happened[], terminal: Terminal): string {
  return renderTable(
    moments,
    [
      { title: "TIME", cell: ({ at }) => at, expendable: 1 },
      { title: "WHAT", cell: ({ what }) => what },
      { title: "STEP", cell: ({ stepIndex }) => stepIndex?.toString() ?? "", align: "right" },
      { title: "NAME", cell: ({ name }) => name ?? "", minWidth: 8 },
      { title: "TRY", cell: ({ attempt }) => triesOf(attempt), align: "right" },
      { title: "DETAIL", cell: ({ detail }) => detail ?? "", minWidth: 10, expendable: 2 },
    ],
    terminal,
  );
}

/** What was taken back is no try of its own. */
function triesOf(attempt: number | null): string {
  return attempt === null || attempt === 0 ? "" : String(attempt);
}

/** What became of one, on a line. */
export function renderState(execution: WorkflowExecution, terminal: Terminal): string {
  const { workflowExecutionId, status } = execution;
  const word = terminal.paint(EXECUTION_COLOURS[status], status);
  return `Execution ${visible(workflowExecutionId)}: ${word}`;
}
