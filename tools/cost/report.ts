import { round, type Table } from "../../bench/report.ts";
import { type Alternative, together } from "./alternatives.ts";
import type { RestLine } from "./at-rest.ts";
import { type BillLine, totalOf } from "./bill.ts";
import type { BurstFinding } from "./burst-scenarios.ts";
import { type Product, perMillionJobs } from "./compare.ts";
import { type Latency, nextStepMs } from "./latency.ts";
import type { Prices } from "./prices.ts";
import type { Waiting } from "./waiting.ts";

/** A bill, under the head of its column. */
export interface Column {
  readonly head: string;
  readonly lines: readonly BillLine[];
}

export const dollars = (amount: number): string =>
  `$${amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

/** Each service's lines, with what a job asks for in the price list's units, then the sum. */
export function servicesTable(title: string, jobs: number, columns: readonly Column[], prices: Prices): Table {
  const named = ({ service, what }: BillLine): string => `${service}: ${what}`;
  const kinds = new Map(columns.flatMap(({ lines }) => lines.map((line) => [named(line), line.price] as const)));
  const cells = (key: string, { lines }: Column): string[] => {
    const of = lines.filter((line) => named(line) === key);
    return [amount(of.reduce((total, { units }) => total + units, 0) / jobs), dollars(totalOf(of))];
  };
  return {
    title,
    columns: ["line", "unit", ...columns.flatMap(({ head }) => [`${head}: a job`, "cost"])],
    rows: [
      ...[...kinds]
        .sort()
        .map(([key, price]) => [key, prices.of(price).unit, ...columns.flatMap((column) => cells(key, column))]),
      ["**sum**", "", ...columns.flatMap(({ lines }) => ["", `**${dollars(totalOf(lines))}**`])],
    ],
  };
}

const amount = (units: number): string =>
  units >= 0.01 || units === 0 ? String(round(units)) : units.toExponential(1);

export function stepsTable(columns: readonly Column[], invocations: ReadonlyMap<string, number>): Table {
  const services = [...new Set(columns.flatMap(({ lines }) => lines.map(({ service }) => service)))];
  const [first] = columns;
  const lines = first?.lines ?? [];
  return {
    title: `By function, at ${first?.head}`,
    columns: ["function", "a job", ...services, "sum"],
    rows: [...invocations].map(([path, times]) => {
      const own = lines.filter((line) => line.function === path);
      const of = (service: string): string => dollars(totalOf(own.filter((line) => line.service === service)));
      return [shortName(path), times, ...services.map(of), dollars(totalOf(own))];
    }),
  };
}

/** `Sluice/Pipeline/Capability-tool/Worker` as people call it. */
export const shortName = (path: string): string =>
  path.replace(/^Sluice\/(Pipeline|Api|Operations)\//, "").replace(/(Capability-(.*)|(Workflow-.*))\/Worker$/, "$2$3");

export const alternativesTable = (head: string, all: readonly Alternative[]): Table => ({
  title: `What would lower it, each by itself, at ${head}`,
  columns: ["change", "saves", "gives up"],
  rows: [
    ...all.map(({ what, saves, givesUp }) => [what, dollars(saves), givesUp]),
    ["**the largest of each kind together**", `**${dollars(together(all))}**`, "all of that"],
  ],
});

export const restTable = (stage: string, lines: readonly RestLine[]): Table => ({
  title: `A month at rest: ${stage}`,
  columns: ["line", "units", "list price", "with what is free for good"],
  rows: [
    ...lines.map(({ what, units, cost, withFree }) => [what, Math.round(units), dollars(cost), dollars(withFree)]),
    [
      "**sum**",
      "",
      `**${dollars(totalOf(lines))}**`,
      `**${dollars(lines.reduce((sum, each) => sum + each.withFree, 0))}**`,
    ],
  ],
});

export const waitingTable = (seconds: number, memoryMb: number, all: readonly Waiting[]): Table => ({
  title: `Waiting for a model, apart: ${seconds} s a step at ${memoryMb} MB, a million steps`,
  columns: ["answers that one worker waits for at once", "cost"],
  rows: all.map(({ answersAtOnce, perMillion }) => [answersAtOnce, dollars(perMillion)]),
});

/** Services that keep a job going, besides those that its own code runs on and is called by. */
const ORCHESTRATION = ["DynamoDB", "EventBridge", "SQS", "S3"];

export const comparisonTable = (products: readonly Product[], columns: readonly Column[]): Table => ({
  title: "A million four-step jobs in a month elsewhere (published prices)",
  columns: ["product", "counted a job", "cost", "not in it", "verified"],
  rows: [
    ...columns.map(({ head, lines }) => [
      `Sluice, ${head}`,
      "all lines above",
      dollars(totalOf(lines)),
      "waiting, model, reading",
      "computed",
    ]),
    ...columns.map(({ head, lines }) => [
      `of it its table, bus and queues, ${head}`,
      "what the others' prices are for",
      dollars(totalOf(lines.filter(({ service }) => ORCHESTRATION.includes(service)))),
      "",
      "computed",
    ]),
    ...products.map((product) => [
      product.name,
      `${product.perJob} ${product.unit}: ${product.counted}`,
      dollars(perMillionJobs(product)),
      product.extra,
      product.verified ? "yes" : "partly",
    ]),
  ],
});

export function latencyTable(latency: Latency): Table {
  const { p50Ms, p90Ms } = nextStepMs(latency);
  return {
    title: "From a step's result to the next step's start on AWS, expected",
    columns: ["hop", "p50 ms", "p90 ms", "figure"],
    rows: [
      ...latency.hops.map((hop) => [hop.what, hop.p50Ms, hop.p90Ms, hop.published ? "published" : "estimate"]),
      ["**sum**", round(p50Ms), round(p90Ms), ""],
    ],
  };
}

export const burstTable = (findings: readonly BurstFinding[]): Table => ({
  title: "Bursts of four-step jobs, two of whose steps wait 20 s for a model (simulated)",
  columns: [
    "limits",
    "jobs",
    "all accepted after",
    "all ended after",
    "what holds them up, for which share of the time",
  ],
  rows: findings.map(({ scenario, jobs, result }) => [
    scenario,
    jobs,
    duration(result.acceptedS),
    duration(result.drainedS),
    result.limits
      .filter(({ share }) => share >= 0.05)
      .slice(0, 2)
      .map(({ what, share }) => `${what} (${Math.round(share * 100)} %)`)
      .join("; "),
  ]),
});

export const unverifiedTable = (prices: Prices): Table => ({
  title: `Prices of ${prices.region} that no source shows (seen ${prices.dated})`,
  columns: ["price", "taken", "based on"],
  rows: prices
    .unverified()
    .map(({ id, price }) => [
      id,
      `$${price.price} for ${price.per.toLocaleString("en-US")} ${price.unit}`,
      price.note ?? "",
    ]),
});

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}
