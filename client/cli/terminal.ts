import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** A piece of a line in a style. */
class Styled {
  readonly style: Style;
  readonly text: string;

  constructor(style: Style, text: string) {
    this.style = style;
    this.text = text;
  }
}

/**
 * Where text goes. Plain where it is no terminal: no colours; the cursor is moved nowhere. Whatever it is given may come from
 * a model, a document or a server: of control characters nothing is passed on but the end of a line, the tab, and the styles.
 */
export interface Terminal {
  /** To stdout, as it comes. */
  write(text: string): void;
  /** To stdout, as a line, its pieces one after the other. */
  line(...pieces: readonly (string | Styled)[]): void;
  /** To stdout, as a line of JSON. */
  json(value: unknown): void;
  /** To stderr, as a line: what is not the answer. */
  note(text: string): void;
  style(style: Style, text: string): Styled;
}

export interface OutputStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** @param env of which `NO_COLOR` counts (no-color.org) */
export function terminalOn(out: OutputStream, err: OutputStream, env: NodeJS.ProcessEnv): Terminal {
  const isPlain = out.isTTY !== true || Boolean(env.NO_COLOR) || env.TERM === "dumb";
  const written = (piece: string | Styled): string => {
    if (typeof piece === "string") return printable(piece);
    const text = printable(piece.text);
    return isPlain ? text : styleText(piece.style, text, { validateStream: false });
  };
  return {
    write: (text) => void out.write(printable(text)),
    line: (...pieces) => void out.write(`${pieces.map(written).join("").trimEnd()}\n`),
    json: (value) => void out.write(`${escaped(JSON.stringify(value))}\n`),
    note: (text) => void err.write(`${printable(text)}\n`),
    style: (style, text) => new Styled(style, text),
  };
}

const printable = (text: string): string => text.replace(CONTROL, (character) => (character === "\r" ? "" : "\ufffd"));

/** The same JSON: in it, control characters stand in strings only. */
const escaped = (json: string): string =>
  json.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

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
