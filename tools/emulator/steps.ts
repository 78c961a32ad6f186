/** What a step found wrong, a line each: the run goes on and ends red. Anything else that is thrown ends it. */
export class Violations extends Error {
  override readonly name = "Violations";

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
  }
}

export interface StepResult {
  readonly what: string;
  readonly seconds: number;
  readonly outcome: "ok" | "red" | "ended";
  /** What a person wants to know of it. */
  readonly detail: string;
}

/** The steps of a run, each with its time and what came of it, printed as they end. */
export class Steps {
  readonly results: StepResult[] = [];
  /** @param act resolves with what is to be told of it, if that is a text */
  async step(what: string, act: () => Promise<unknown>): Promise<void> {
    const begunMs = performance.now();
    const end = (outcome: StepResult["outcome"], detail: string): void => {
      const result = { what, seconds: (performance.now() - begunMs) / 1_000, outcome, detail };
      this.results.push(result);
      console.log(line(result));
    };
    try {
      const said = await act();
      end("ok", typeof said === "string" ? said : "");
    } catch (error) {
      const violated = error instanceof Violations;
      end(violated ? "red" : "ended", (error as Error).message);
      if (!violated) throw error;
    }
  }

  get red(): boolean {
    return this.results.some(({ outcome }) => outcome !== "ok");
  }

  /** All steps, as a table of Markdown: of what was said the last line, which has the sum; of what is wrong the first. */
  table(): string {
    const rows = this.results.map(({ what, seconds, outcome, detail }) => {
      const told = detail.split("\n").at(outcome === "ok" ? -1 : 0) ?? "";
      const mark = outcome === "ok" ? "ok" : "**RED**";
      return `| ${what} | ${mark} | ${seconds.toFixed(1)} | ${told.slice(0, 250).replaceAll("|", "\\|")} |`;
    });
    return ["| step | | s | |", "| --- | --- | ---: | --- |", ...rows].join("\n");
  }
}

const line = ({ what, seconds, outcome, detail }: StepResult): string => {
  const mark = outcome === "ok" ? "ok " : "RED";
  const said = detail === "" ? "" : `\n${detail.replaceAll(/^/gm, "        ")}`;
  return `${mark} ${seconds.toFixed(1).padStart(6)} s  ${what}${said}`;
};
