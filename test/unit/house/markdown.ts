/** The part of a Markdown text that is no block of code. */
export const proseOf = (markdown: string): string => markdown.replaceAll(/^ *```[\s\S]*?^ *```/gm, "");

/** The anchors of a Markdown text's headings, as GitHub makes them. */
export const anchorsOf = (markdown: string): string[] =>
  [...proseOf(markdown).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
