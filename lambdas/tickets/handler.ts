import { dynamoDbClient } from "../../src/engines/aws/aws-clients.ts";
import { DynamoDbLogReader } from "../../src/engines/aws/dynamodb-log-reader.ts";
import { DynamoDbTickets } from "../../src/engines/aws/dynamodb-tickets.ts";
import { parseEnvironment } from "../../src/engines/aws/environment.ts";
import { functionClock as clock } from "../../src/engines/aws/function-clock.ts";
import { functionLogger } from "../aws-runtime.ts";
import { withCors } from "../with-cors.ts";
import { createHandler } from "./create-handler.ts";

const { SLUICE_STAGE, SLUICE_TABLE, SLUICE_SOCKET_URL, SLUICE_CORS } = parseEnvironment("tickets", process.env);
const table = { client: dynamoDbClient(), tableName: SLUICE_TABLE, clock };

const deps = {
  tickets: new DynamoDbTickets(table),
  log: new DynamoDbLogReader(table),
  clock,
  socket: SLUICE_SOCKET_URL,
  logger: functionLogger(SLUICE_STAGE),
};

export const handler = withCors(createHandler(deps), SLUICE_CORS);
