/**
 * How the soak's app tells its model server whose call it is: by the first line of the prompt, as JSON after a word. The
 * job and the step are what its calls are counted by.
 */
export interface Ask {
  readonly job: string;
  readonly step: string;
  /** The job's ordinal in its run: ids differ from run to run. */
  readonly n: number;
  /** Whether the model is to refuse the request, every time. */
  readonly refuse?: boolean;
}

const WORD = "soak ";

export const promptOf = (ask: Ask, question: string): string => `${WORD}${JSON.stringify(ask)}\n${question}`;

/** Throws where the text does not begin as {@link promptOf} makes it. */
export function askIn(prompt: string): Ask {
  const end = prompt.indexOf("\n");
  if (!prompt.startsWith(WORD) || end === -1) throw new Error(`not a prompt of the soak's: ${prompt.slice(0, 100)}`);
  return JSON.parse(prompt.slice(WORD.length, end)) as Ask;
}

/** What the model answers: other words for each step, always the same ones for one. */
export function answerTo({ job, step }: Pick<Ask, "job" | "step">): string {
  const words = 20 + (hash32(`${job}/${step}`) % 60);
  return `${job} ${step}: ${Array.from({ length: words }, (_, index) => `word-${index}`).join(" ")}.`;
}

/** FNV-1a, 32 bits. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return hash;
}
