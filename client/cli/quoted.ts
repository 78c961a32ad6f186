/** A word for a shell to be typed into: as it is, or in single quotes. */
export const quoted = (text: string): string =>
  /^[\w@./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
