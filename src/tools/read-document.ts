import { z } from "zod";
import { defineTool } from "../core/resources.ts";

const MAX_CHARS = 8_000;

/**
 * Reads a part of a document of the corpus, by the path that the sources give. `end` is where the part ends; `more`
 * says whether the document goes on there. Throws, in words for the model, for a path that the corpus does not have.
 */
export const readDocument = defineTool({
  name: "read_document",
  description:
    "Reads a part of a document by its path, as the sources give it. Ask again from `end` while `more` is true.",
  input: z.object({
    path: z.string().min(1).max(1_000),
    start: z.number().int().min(0).default(0).describe("Characters from the document's beginning"),
    length: z.number().int().min(1).max(MAX_CHARS).default(4_000).describe("Characters to read"),
  }),
  async run({ path, start, length }, { corpus }) {
    const part = await corpus.read(path, start, length);
    if (part === undefined) {
      throw new Error(
        `the corpus has no document ${JSON.stringify(path)}; a path is written as in a source, such as folder/name.md`,
      );
    }
    const end = part.start + part.text.length;
    return {
      title: part.title,
      path: part.path,
      start: part.start,
      end,
      length: part.length,
      more: end < part.length,
      text: part.text,
    };
  },
});
