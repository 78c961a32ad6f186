import { expect, test } from "vitest";
import { barChart, lineChart } from "../../../../tools/cost/svg-chart.ts";

test("a line begins at the origin and ends in the corner of what is largest", () => {
  const points = [
    { x: 0, y: 0 },
    { x: 100, y: 50 },
  ];
  const svg = lineChart({ title: "a < b & c", xLabel: "x", yLabel: "y", series: [{ name: "s", points }] });
  expect(svg).toContain('points="76,364 736,44"');
  expect(svg).toContain("a &lt; b &amp; c");
  expect(svg).not.toContain("NaN");
});

test("bars are as long as their values", () => {
  const svg = barChart({ title: "t", unit: "$", bars: [10, 20].map((value) => ({ name: `b${value}`, value })) });
  expect([...svg.matchAll(/<rect x="270" [^>]*width="([\d.]+)"/g)].map((match) => match[1])).toEqual(["200", "400"]);
  expect(svg).toContain(">$20<");
});
