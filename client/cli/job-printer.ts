import type { TextChunk } from "../text.ts";
import type { JobEvent } from "../wire.ts";
import { between, chainOf, detailOf, seconds } from "./phrases.ts";
import type { Terminal } from "./terminal.ts";

type Style = Parameters<Terminal["style"]>[0];

/**
 * Prints a job as it goes on: a line for each thing that happens, and text where steps stream it. It only ever adds lines, so
 * that it is the same in a terminal, in a file and in CI. Text of steps that stream at once is told apart by headings.
 */
export class JobPrinter {
  readonly texts = new Map<string, string>();
  readonly #terminal: Terminal;
  readonly #startedAt = new Map<string, string>();
  /** The step whose text the last line is, unfinished or not. */
  #speaking: string | undefined;
  #isLineOpen = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  event(event: JobEvent): void {
    if (event.type === "step.started") this.#startedAt.set(event.stepId, event.time);
    const phrase = this.#phraseOf(event);
    if (phrase === undefined) return;
    const [style, word, text] = phrase;
    this.end();
    this.#terminal.line(this.#terminal.style(style, word.padEnd(8)), ` ${text}`);
  }

  text({ stepId, attempt, text, anew }: TextChunk): void {
    this.texts.set(stepId, (anew ? "" : (this.texts.get(stepId) ?? "")) + text);
    if (anew || this.#speaking !== stepId) {
      this.#closeLine();
      const heading = `--- ${stepId}${attempt > 1 ? ` attempt ${attempt}` : ""}${anew ? "" : " goes on"}`;
      this.#terminal.line(this.#terminal.style("dim", heading));
      this.#speaking = stepId;
    }
    this.#terminal.write(text);
    this.#isLineOpen = !text.endsWith("\n");
  }

  end(): void {
    this.#closeLine();
    this.#speaking = undefined;
  }

  #phraseOf(event: JobEvent): readonly [style: Style, word: string, text: string] | undefined {
    switch (event.type) {
      case "step.requested":
      case "step.progress":
      case "value.recorded":
      case "job.completed":
      case "job.failed":
        return undefined;
      case "job.submitted":
        return ["cyan", "job", `${event.jobId} ${event.workflow}`];
      case "step.started": {
        const { stepId, attempt, capability } = event;
        return ["dim", "started", `${stepId}${attempt > 1 ? ` attempt ${attempt}` : ""} (${capability})`];
      }
      case "step.completed": {
        const how = event.by === undefined ? this.#took(event) : ` by ${event.by}`;
        return ["green", "done", `${event.stepId}${how}`];
      }
      case "step.failed": {
        const { stepId, attempt, time, retryAt, error } = event;
        const again = retryAt === undefined ? "" : `, again in ${seconds(Math.max(0, between(time, retryAt)))}`;
        return ["yellow", "failed", `${stepId} attempt ${attempt}${again}: ${chainOf(error).join(" <- ")}`];
      }
      case "step.dead_lettered":
        return ["red", "dead", `${event.stepId} waits for a person: ${chainOf(event.error).join(" <- ")}`];
      default:
        return ["dim", event.type.replace(/^(step|job)\./, ""), detailOf(event)];
    }
  }

  #took({ stepId, time }: { readonly stepId: string; readonly time: string }): string {
    const startedAt = this.#startedAt.get(stepId);
    return startedAt === undefined ? "" : ` in ${seconds(between(startedAt, time))}`;
  }

  #closeLine(): void {
    if (this.#isLineOpen) this.#terminal.line();
    this.#isLineOpen = false;
  }
}
