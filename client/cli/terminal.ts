import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Where text goes. Plain where it is no terminal: no colours; the cursor is moved nowhere. */
export interface Terminal {
  /** To stdout, as it is. */
  write(text: string): void;
  /** To stdout, as a line. */
  line(text?: string): void;
  /** To stderr, as a line: what is not the answer. */
  note(text: string): void;
  style(style: Style, text: string): string;
}

export interface OutputStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** @param env of which `NO_COLOR` counts (no-color.org) */
export function terminalOn(out: OutputStream, err: OutputStream, env: NodeJS.ProcessEnv): Terminal {
  const isPlain = out.isTTY !== true || Boolean(env.NO_COLOR) || env.TERM === "dumb";
  return {
    write: (text) => void out.write(text),
    line: (text = "") => void out.write(`${text}\n`),
    note: (text) => void err.write(`${text}\n`),
    style: (style, text) => (isPlain ? text : styleText(style, text, { validateStream: false })),
  };
}

/** What a server sent, without what would steer a terminal: models and documents are not to be trusted with that. */
export const printable = (text: string): string =>
  text.replace(CONTROL, (character) => (character === "\r" ? "" : "\ufffd"));

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to keep out
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Columns side by side, each as wide as its longest value. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) =>
    row
      .map((value, column) => value.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
