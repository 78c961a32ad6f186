import { arithmeticIn } from "./arithmetic.ts";
import type { Source } from "./grounded-prompt.ts";
import { selectSentences, termsOf } from "./select-sentences.ts";
import { sentencesOf } from "./sentences.ts";

/** What the extractive model has to answer from. */
export interface Conversation {
  readonly question: string;
  readonly sources: readonly Source[];
  /** Names of the tools that it may ask for. */
  readonly tools: ReadonlySet<string>;
  /** What tools have answered so far. */
  readonly results: readonly { readonly tool: string; readonly output: unknown; readonly isError: boolean }[];
}

export type Answer =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "tools"; readonly calls: readonly { readonly name: string; readonly input: object }[] };

/** Begins every answer that quotes: readers must not take it for a language model's. */
export const EXTRACTIVE_NOTICE = "Quoted from the sources by Sluice's extractive model (no language model was called):";
const SIGNATURE = "Answered by Sluice's extractive model (no language model was called).";
const NO_ANSWER =
  "Sluice's extractive model (no language model was called) found nothing in the sources that answers this.";
const MAX_QUOTES = 4;
const DOCUMENT_CHARS = 6_000;
/** Of a document that was read for no question of its own. */
const OPENING_SENTENCES = 3;

/**
 * Answers by quoting: asks for tools first where the question needs one that was offered and that has not answered
 * yet; then says what the tools found and quotes the sentences that answer best, each with its source's marker.
 */
export function extractiveAnswer(conversation: Conversation): Answer {
  const calls = neededTools(conversation);
  if (calls.length > 0) return { kind: "tools", calls };

  const { question, sources, results } = conversation;
  const found = results.map(statementOf).filter((line) => line !== undefined);
  const documents = results.flatMap(documentOf);
  const topic = topicOf(question);
  const fromDocuments = selectSentences(topic, documents, MAX_QUOTES);
  const fromSources = selectSentences(topic, sources, documents.length > 0 ? 2 : MAX_QUOTES);
  const quotes = [
    ...(fromDocuments.length > 0 ? fromDocuments : documents.flatMap(openingOf)).map(({ sentence, source }) => ({
      sentence,
      mark: `(${source.path})`,
    })),
    ...fromSources.map(({ sentence, source }) => ({ sentence, mark: `[${source.id}]` })),
  ].filter(({ sentence }, at, all) => all.findIndex((other) => other.sentence === sentence) === at);
  if (quotes.length > 0) {
    const quoted = quotes.map(({ sentence, mark }) => `"${sentence}" ${mark}`).join(" ");
    return text([...found, EXTRACTIVE_NOTICE, quoted]);
  }
  const isAnswered = found.length > 0 && termsOf(topic).size === 0;
  return text([...found, isAnswered ? SIGNATURE : NO_ANSWER]);
}

const SUM =
  /[\d%+*/^()=×÷-]+|\b(?:calculate|compute|evaluate|percent|plus|minus|times|divided|multiplied|square root|much|many)\b/gi;
const READING = /\b(?:read|open|show|print|look|please|readme|file|document)\b|[\w@./-]+\.(?:md|mdx|txt|rst)\b/gi;

/** What a question asks of the sources: without the sum and without the wish to read a document. */
function topicOf(question: string): string {
  const withoutSum = arithmeticIn(question) === undefined ? question : question.replace(SUM, " ");
  return documentNamedIn(question, []) === undefined ? withoutSum : withoutSum.replace(READING, " ");
}

const openingOf = (source: ReturnType<typeof documentOf>[number]) =>
  sentencesOf(source.text)
    .slice(0, OPENING_SENTENCES)
    .map((sentence) => ({ sentence, source }));

const text = (paragraphs: readonly string[]): Answer => ({ kind: "text", text: paragraphs.join("\n\n") });

function neededTools({ question, sources, tools, results }: Conversation): { name: string; input: object }[] {
  const wanted = (tool: string): boolean => tools.has(tool) && !results.some((result) => result.tool === tool);
  const calls: { name: string; input: object }[] = [];
  const expression = arithmeticIn(question);
  if (expression !== undefined && wanted("calculator")) calls.push({ name: "calculator", input: { expression } });
  const path = documentNamedIn(question, sources);
  if (path !== undefined && wanted("read_document")) {
    calls.push({ name: "read_document", input: { path, start: 0, length: DOCUMENT_CHARS } });
  }
  return calls;
}

const README_OF = /\breadme(?:\.md)?\s+(?:file\s+)?(?:of|for|in|from)\s+(?:the\s+)?["'`]?([\w@./-]*\w)/i;
const OWN_README = /([\w@./-]*\w)["'`]?\s+readme\b/i;
const ARTICLE = /^(?:the|an?|its|this|that)$/i;

/** The path of a document that a question asks to read, such as "read README of aws-lambda" or "open docs/a.md". */
export function documentNamedIn(question: string, sources: readonly Pick<Source, "path">[]): string | undefined {
  const asked = /\b(?:read|open|show(?: me)?|print|look (?:in|into|at))\b(.*)/is.exec(question)?.[1];
  if (asked === undefined) return undefined;
  const named = /(?:^|[\s"'`(])([\w@-][\w@./-]*\.(?:md|mdx|txt|rst))\b/i.exec(asked)?.[1];
  if (named?.includes("/")) return named;
  const folder = (README_OF.exec(asked) ?? OWN_README.exec(asked))?.[1];
  if (folder !== undefined && !ARTICLE.test(folder)) {
    const known = sources.find(({ path }) => path.toLowerCase().endsWith(`${folder.toLowerCase()}/readme.md`));
    return known?.path ?? `${folder}/README.md`;
  }
  return named === undefined ? undefined : (sources.find(({ path }) => path.endsWith(`/${named}`))?.path ?? named);
}

/** What a tool's answer says by itself; a document is quoted instead. */
function statementOf({ tool, output, isError }: Conversation["results"][number]): string | undefined {
  if (isError) return `${tool} answered with an error: ${typeof output === "string" ? output : JSON.stringify(output)}`;
  if (isRecord(output)) {
    if (typeof output.expression === "string" && "result" in output) {
      return `${output.expression} = ${String(output.result)} (${tool})`;
    }
    if (typeof output.path === "string" && typeof output.text === "string") return undefined;
  }
  return `${tool} answered: ${typeof output === "string" ? output : JSON.stringify(output)}`;
}

function documentOf({
  output,
  isError,
}: Conversation["results"][number]): { title: string; path: string; text: string }[] {
  if (isError || !isRecord(output) || typeof output.path !== "string" || typeof output.text !== "string") return [];
  return [
    { title: typeof output.title === "string" ? output.title : output.path, path: output.path, text: output.text },
  ];
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
