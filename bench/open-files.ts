import { readFileSync } from "node:fs";

/** What a process has open besides its connections, with a margin. */
const OTHERS = 200;

/** Throws where this process, or a server that it starts, may not have so many connections open. Linux only. */
export function needConnections(count: number): void {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
  const need = count + OTHERS;
  if (limit < need) {
    throw new Error(
      `${count} connections take ${need} open files, and the limit is ${limit}: raise it by ulimit -n ${need}`,
    );
  }
}
