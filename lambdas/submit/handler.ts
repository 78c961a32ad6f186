import app from "#app";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { awsRuntime } from "../aws-runtime.ts";
import { untilAnswered } from "../until-answered.ts";
import { withCors } from "../with-cors.ts";
import { createHandler } from "./create-handler.ts";

const environment = parseEnvironment("submit", process.env);
const readers = { streams: 0, waits: environment.SLUICE_WAITS };
const runtime = await awsRuntime({ app, environment, deleted: "limited", readers });

export const handler = untilAnswered(withCors(createHandler(runtime), environment.SLUICE_CORS), runtime.clock);
