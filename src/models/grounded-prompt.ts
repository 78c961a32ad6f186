import type { z } from "zod";
import type { PassageSchema } from "../contract/standard-capabilities.ts";

/** A passage as a prompt shows it to a model, under the number that answers cite it by. */
export interface Source {
  /** 1, 2, 3 …: cited as `[1]`. */
  readonly id: number;
  readonly title: string;
  readonly path: string;
  readonly text: string;
}

/**
 * A prompt that asks a model to answer from passages and to cite them as `[1]`, `[2]` … in their order. The form
 * is what `embedded:extractive` reads; {@link readGroundedPrompt} is the way back.
 *
 * @example
 * groundedPrompt("How long is a message hidden?", passages)
 * // <source id="1" title="Queues" path="queues.md">
 * // A message is hidden for 30 s.
 * // </source>
 * //
 * // <question>How long is a message hidden?</question>
 */
export function groundedPrompt(question: string, passages: readonly z.infer<typeof PassageSchema>[]): string {
  const sources = passages.map(
    ({ title, path, text }, index) =>
      `<source id="${index + 1}" title="${attribute(title)}" path="${attribute(path)}">\n${guard(text)}\n</source>\n\n`,
  );
  return `${sources.join("")}<question>${guard(question)}</question>`;
}

/** The sources and the question of a {@link groundedPrompt}. A prompt of another form is all question. */
export function readGroundedPrompt(prompt: string): { readonly sources: Source[]; readonly question: string } {
  const question = /<question>([\s\S]*)<\/question>\s*$/.exec(prompt)?.[1];
  const sources = [...prompt.matchAll(SOURCE)].map(([, id, title = "", path = "", text = ""]) => ({
    id: Number(id),
    title: unattribute(title),
    path: unattribute(path),
    text: unguard(text),
  }));
  return { sources, question: unguard(question ?? prompt) };
}

const SOURCE = /^<source id="(\d+)" title="([^"]*)" path="([^"]*)">\n([\s\S]*?)\n<\/source>$/gm;

/** No document and no question can end its own element or open another: one backslash more keeps each tag apart. */
const guard = (text: string): string => text.replace(/<(\\*\/?(?:source|question)\b)/gi, "<\\$1");
const unguard = (text: string): string => text.replace(/<\\(\\*\/?(?:source|question)\b)/gi, "<$1");

const attribute = (text: string): string => text.replace(/[&"<>\n\r]/g, (char) => `&#${char.charCodeAt(0)};`);
const unattribute = (text: string): string => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
