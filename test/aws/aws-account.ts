import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { LocalServer } from "../../src/testing/local-aws/local-server.ts";

/** Of a stack, as CloudFormation shows it. */
interface StackOf {
  readonly status: string;
  readonly deletedAt?: string;
}

/**
 * An AWS account as far as the doctor looks at it: a server that speaks STS, SSM, Lambda, API Gateway, CloudFormation and
 * EventBridge. All is well with it until a test says otherwise.
 */
export class AwsAccount extends LocalServer {
  account = "111122223333";
  /** Whether STS takes the credentials. */
  signedIn = true;
  bootstrap: string | undefined = "21";
  concurrency = { total: 1_000, free: 1_000 };
  accountRole: string | undefined = "arn:aws:iam::111122223333:role/logs";
  stacks: Readonly<Record<string, StackOf>> = {};
  buses: readonly string[] = [];
  /** Names of calls that are denied. */
  denied: readonly string[] = [];
  readonly calls: string[] = [];
  protected readonly server: Server = createServer((request, response) => {
    this.#serve(request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += chunk;
    const isQuery = request.headers["content-type"]?.includes("form-urlencoded") ?? false;
    const input = new URLSearchParams(isQuery ? body : "");
    const target = String(request.headers["x-amz-target"] ?? "")
      .split(".")
      .at(-1);
    const call = input.get("Action") || target || `${request.method} ${request.url}`;
    this.calls.push(call);
    if (isQuery) return answerXml(response, call, this.#query(call, input));
    if (this.denied.includes(call))
      return answerJson(response, 400, { __type: "AccessDeniedException", message: "no" });
    const { status = 200, ...json } = this.#json(call, body);
    answerJson(response, status, json);
  }

  #query(call: string, input: URLSearchParams): Xml {
    if (this.denied.includes(call)) return { error: "AccessDenied", message: "no" };
    switch (call) {
      case "GetCallerIdentity":
        if (!this.signedIn) return { error: "ExpiredToken", message: "The security token is expired", status: 403 };
        return { result: `<Arn>arn:aws:iam::${this.account}:user/me</Arn><Account>${this.account}</Account>` };
      case "DescribeStacks": {
        const name = input.get("StackName") ?? "";
        const stack = this.stacks[name];
        if (stack === undefined || stack.deletedAt !== undefined) {
          return { error: "ValidationError", message: `Stack with id ${name} does not exist` };
        }
        const status = `<StackStatus>${stack.status}</StackStatus>`;
        return {
          result: `<Stacks><member><StackName>${name}</StackName>${status}<CreationTime>2026-11-01T00:00:00Z</CreationTime></member></Stacks>`,
        };
      }
      case "ListStacks": {
        const members = Object.entries(this.stacks)
          .filter(([, { deletedAt }]) => deletedAt !== undefined)
          .map(
            ([name, { deletedAt }]) =>
              `<member><StackName>${name}</StackName><StackStatus>DELETE_COMPLETE</StackStatus><DeletionTime>${deletedAt}</DeletionTime></member>`,
          );
        return { result: `<StackSummaries>${members.join("")}</StackSummaries>` };
      }
      default:
        return { error: "InvalidAction", message: `this server does not know ${call}` };
    }
  }

  #json(call: string, body: string): { readonly status?: number; readonly [key: string]: unknown } {
    switch (call) {
      case "GetParameter": {
        const { Name } = JSON.parse(body) as { Name: string };
        if (this.bootstrap === undefined || Name !== "/cdk-bootstrap/hnb659fds/version") {
          return { status: 400, __type: "ParameterNotFound", message: Name };
        }
        return { Parameter: { Name, Value: this.bootstrap } };
      }
      case "GET /2016-08-19/account-settings": {
        const { total, free } = this.concurrency;
        return { AccountLimit: { ConcurrentExecutions: total, UnreservedConcurrentExecutions: free } };
      }
      case "GET /account":
        return this.accountRole === undefined ? {} : { cloudwatchRoleArn: this.accountRole };
      case "ListEventBuses": {
        const { NamePrefix } = JSON.parse(body) as { NamePrefix: string };
        return { EventBuses: this.buses.filter((name) => name.startsWith(NamePrefix)).map((Name) => ({ Name })) };
      }
      default:
        return { status: 400, __type: "UnknownOperationException", message: `this server does not know ${call}` };
    }
  }
}

type Xml = { readonly result: string } | { readonly error: string; readonly message: string; readonly status?: number };

function answerXml(response: ServerResponse, call: string, answer: Xml): void {
  const [status, text] =
    "result" in answer
      ? [200, `<${call}Response><${call}Result>${answer.result}</${call}Result></${call}Response>`]
      : [
          answer.status ?? 400,
          `<ErrorResponse><Error><Type>Sender</Type><Code>${answer.error}</Code><Message>${answer.message}</Message></Error></ErrorResponse>`,
        ];
  response.writeHead(status, { "content-type": "text/xml" }).end(text);
}

function answerJson(response: ServerResponse, status: number, body: object): void {
  const { __type: type } = body as { __type?: string };
  const headers = type === undefined ? {} : { "x-amzn-errortype": type };
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
