import { z } from "zod";

/** What a log, a message and a response can hold. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Any JSON value. Used where the shape belongs to a user's own schema. */
export const Json: z.ZodType<Json> = z.json() as z.ZodType<Json>;
