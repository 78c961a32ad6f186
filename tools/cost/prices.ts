import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { UsageError } from "../read-outputs.ts";

/** In US dollars, for `per` units. Tiers of large amounts are left out: what is shown is the dearest. */
const Price = z.object({
  price: z.number().nonnegative(),
  per: z.number().positive(),
  unit: z.string(),
  source: z.url(),
  /** When we looked, as a date. */
  seen: z.string(),
  /** The source shows this figure. If not, `note` says what it is based on. */
  verified: z.boolean(),
  note: z.string().optional(),
  /** Units a month that cost an account nothing, for good. */
  free: z.number().optional(),
});
export type Price = z.output<typeof Price>;

const PriceFile = z.object({ dated: z.string(), regions: z.record(z.string(), z.record(z.string(), Price)) });

export type PriceId =
  | "dynamodb.writeUnits"
  | "dynamodb.readUnits"
  | "dynamodb.storage"
  | "dynamodb.pitr"
  | "events.entries"
  | "events.archiveProcessing"
  | "events.archiveStorage"
  | "sqs.requests"
  | "sqs.fairSurcharge"
  | "lambda.requests"
  | "lambda.gbSeconds"
  | "apiGateway.rest"
  | "apiGateway.http"
  | "s3.puts"
  | "s3.gets"
  | "s3.storage"
  | "logs.ingested"
  | "logs.stored"
  | "cloudwatch.alarms"
  | "cloudwatch.dashboards"
  | "cloudwatch.metrics"
  | "xray.traces"
  | "secrets.secrets";

export class Prices {
  readonly dated: string;
  readonly region: string;
  readonly #byId: Readonly<Record<string, Price>>;

  constructor(dated: string, region: string, byId: Readonly<Record<string, Price>>) {
    this.dated = dated;
    this.region = region;
    this.#byId = byId;
  }

  of(id: PriceId): Price {
    const price = this.#byId[id];
    if (price === undefined) throw new UsageError(`prices.json has no ${id} of ${this.region}`);
    return price;
  }

  /** What so many units cost, in dollars. */
  cost(id: PriceId, units: number): number {
    const { price, per } = this.of(id);
    return (units * price) / per;
  }

  /** What no source shows. */
  unverified(): { readonly id: string; readonly price: Price }[] {
    return Object.entries(this.#byId).flatMap(([id, price]) => (price.verified ? [] : [{ id, price }]));
  }
}

/** The dated table beside this file. Throws {@link UsageError} for a region that it does not have. */
export function loadPrices(region: string): Prices {
  const file = PriceFile.parse(JSON.parse(readFileSync(join(import.meta.dirname, "prices.json"), "utf8")));
  const byId = file.regions[region];
  if (byId !== undefined) return new Prices(file.dated, region, byId);
  throw new UsageError(
    `--region: tools/cost/prices.json has ${Object.keys(file.regions).join(", ")}; got ${JSON.stringify(region)}`,
  );
}
