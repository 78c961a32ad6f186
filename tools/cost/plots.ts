import { totalOf } from "./bill.ts";
import type { BurstFinding } from "./burst-scenarios.ts";
import { type Product, perMillionJobs } from "./compare.ts";
import type { Column } from "./report.ts";
import { barChart, lineChart } from "./svg-chart.ts";

/** The pictures of docs/cost.md, by the name of their file. */
export function costPlots(
  perMillion: readonly Column[],
  products: readonly Product[],
  bursts: readonly BurstFinding[],
): Record<string, string> {
  const sizes = [...new Set(bursts.map(({ jobs }) => jobs))];
  return {
    "cost-per-million.svg": barChart({
      title: "A million four-step jobs in a month, in dollars (published prices)",
      unit: "$",
      bars: [
        ...perMillion.map(({ head, lines }) => ({
          name: `Sluice, ${head}`,
          value: totalOf(lines),
          highlight: true,
        })),
        ...products.map((product) => ({ name: product.name, value: perMillionJobs(product) })),
      ],
    }),
    ...Object.fromEntries(
      sizes.map((jobs) => [
        `burst-${jobs}.svg`,
        lineChart({
          title: `A burst of ${jobs.toLocaleString("en-US")} jobs with two model calls of 20 s (simulated)`,
          xLabel: "minutes after the burst",
          yLabel: "jobs ended",
          series: bursts
            .filter((finding) => finding.jobs === jobs)
            .map(({ scenario, result }) => ({
              name: scenario,
              points: result.curve.map(({ s, ended }) => ({ x: s / 60, y: ended })),
            })),
        }),
      ]),
    ),
  };
}
