import { createServer, type IncomingMessage, request as requestOf, type Server, type ServerResponse } from "node:http";
import { LocalServer } from "../../../src/testing/local-aws/local-server.ts";
import type { CallLine } from "../../../tools/emulator/access-log.ts";
import { requestedAccess } from "./requested-access.ts";

/** Who calls, by the id of the access key that calls are signed with. */
export interface Principal {
  readonly function: string;
  readonly role: string;
}

/** By the name that a signature has: `dynamodb`, `sqs`, … */
export type Targets = Readonly<Record<string, string>>;

const LOCAL_KEY = "test";

/** A server before all local services, which keeps what was asked for, by whom, as IAM would see it. */
export class AccessFront extends LocalServer {
  protected readonly server: Server;
  readonly calls: CallLine[] = [];
  readonly principals = new Map<string, Principal>();
  /** ARNs of secrets by what else they are found by: an ARN without its suffix. IAM judges by the whole one. */
  readonly aliases = new Map<string, string>();

  constructor(targets: Targets) {
    super();
    this.server = createServer((request, response) => {
      this.#serve(request, response, targets).catch((error: Error) => response.writeHead(500).end(error.message));
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse, targets: Targets): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const sent = Buffer.concat(chunks);
    const [, key = "", service = ""] =
      /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(request.headers.authorization ?? "") ?? [];
    const body = service === "secretsmanager" ? this.#withWholeArn(sent) : sent;
    const principal = this.principals.get(key);
    if (principal === undefined) throw new Error(`nobody calls as ${JSON.stringify(key)}`);
    const access = requestedAccess(service, request, body);
    this.calls.push({ kind: "call", time: Date.now(), ...principal, ...access, allowed: true });
    const target = targets[service];
    if (target === undefined) {
      // CloudWatch: no figure is known.
      response.writeHead(200, { "content-type": "application/x-amz-json-1.0" }).end("{}");
      return;
    }
    // No local service checks a signature, but DynamoDB Local keeps tables apart by the key.
    const { host, authorization = "", ...others } = request.headers;
    const headers = { ...others, authorization: authorization.replace(key, LOCAL_KEY), "content-length": body.length };
    const forwarded = requestOf(target + request.url, { method: request.method ?? "GET", headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    forwarded.on("error", () => response.destroy());
    forwarded.end(body);
  }

  #withWholeArn(body: Buffer): Buffer {
    const input = JSON.parse(body.toString()) as { SecretId: string };
    return Buffer.from(JSON.stringify({ ...input, SecretId: this.aliases.get(input.SecretId) ?? input.SecretId }));
  }
}
