import { beforeAll, describe, expect, test } from "vitest";
import { PLANTED_FAULTS, type Template } from "../../tools/emulator/planted-faults.ts";
import { type Synthesized, synthesize } from "./synthesize.ts";

let synthesized: Synthesized;
beforeAll(() => {
  // As the command line has it: faults find their resources by it.
  synthesized = synthesize({ context: { "aws:cdk:enable-path-metadata": true } });
});

describe("a fault for npm run emulator -- faults can be planted:", () => {
  test.each(PLANTED_FAULTS)("$what", ({ stack, plant }) => {
    const template = structuredClone(synthesized[stack].json) as Template;
    plant(template);
    expect(template).not.toEqual(synthesized[stack].json);
  });
});
