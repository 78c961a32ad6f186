import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { LocalServer } from "./local-server.ts";

interface Secret {
  readonly arn: string;
  readonly versions: Map<string, string>;
  /** Versions by the label that is on them. */
  readonly labels: Map<string, string>;
}

type Input = Readonly<Record<string, string | undefined>> & { readonly VersionStages?: readonly string[] };

/** What the service answers instead: thrown by `before`, for one that this server would not make. */
export class ServiceError extends Error {
  readonly type: string;
  readonly status: number;

  constructor(type: string, message: string, status = 400) {
    super(message);
    this.type = type;
    this.status = status;
  }
}

/**
 * A server of one process that speaks as much of Secrets Manager as we use. There is none on npm; this one refuses what
 * it does not know. Labels move as documented
 * (docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html).
 */
export class SecretsManager extends LocalServer {
  readonly #secrets = new Map<string, Secret>();
  protected readonly server: Server;
  /** Names of the calls so far. */
  readonly calls: string[] = [];
  /** ARNs of secrets that somebody has deleted and can restore. */
  readonly deleted = new Set<string>();
  /** Before a call is served: what it throws is the answer (a 500, unless it is a {@link ServiceError}), what it awaits is waited for. */
  before: (call: string, input: Input) => void | Promise<void> = () => {};

  constructor() {
    super();
    this.server = createServer((request, response) => {
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(body));
      };
      this.#serve(request).then(
        (body) => answer(200, body),
        (error: Error) => {
          const { type, status } =
            error instanceof ServiceError ? error : { type: "InternalServiceError", status: 500 };
          answer(status, { __type: type, message: error.message });
        },
      );
    });
  }

  /** Makes a secret, with a value unless `text` is undefined. Resolves with its ARN. */
  create(name: string, text: string | undefined): string {
    const arn = arnOf(name);
    const secret: Secret = { arn, versions: new Map(), labels: new Map() };
    this.#secrets.set(arn, secret);
    if (text !== undefined) put(secret, { SecretString: text });
    return arn;
  }

  /** The text that counts. */
  textOf(arn: string): string | undefined {
    const secret = this.#find(arn);
    return secret.versions.get(secret.labels.get("AWSCURRENT") ?? "");
  }

  /** What UpdateSecretVersionStage does. */
  move(input: Input): object {
    return moveLabel(this.#find(input.SecretId ?? ""), input);
  }

  async #serve(request: IncomingMessage): Promise<object> {
    const target = String(request.headers["x-amz-target"]);
    const call = target.replace(/^secretsmanager\./, "");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const input = JSON.parse(Buffer.concat(chunks).toString()) as Input;
    this.calls.push(call);
    await this.before(call, input);
    const secret = this.#find(input.SecretId ?? "");
    switch (call) {
      case "GetSecretValue":
        return get(secret, input);
      case "PutSecretValue":
        return put(secret, input);
      case "UpdateSecretVersionStage":
        return this.move(input);
      case "DescribeSecret":
        return {
          ARN: secret.arn,
          VersionIdsToStages: stagesOf(secret),
          ...(this.deleted.has(secret.arn) ? { DeletedDate: Date.now() / 1_000 } : {}),
        };
      default:
        throw new ServiceError("UnknownOperationException", `this server does not know ${target}`);
    }
  }

  #find(id: string): Secret {
    const secret = this.#secrets.get(id) ?? this.#secrets.get(arnOf(id));
    if (secret) return secret;
    throw new ServiceError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
  }
}

const arnOf = (name: string): string => `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}-AbCdEf`;

function get(secret: Secret, { VersionId, VersionStage = "AWSCURRENT" }: Input): object {
  const version = VersionId ?? secret.labels.get(VersionStage) ?? "";
  const SecretString = secret.versions.get(version);
  if (SecretString !== undefined) return { ARN: secret.arn, VersionId: version, SecretString };
  throw new ServiceError(
    "ResourceNotFoundException",
    `Secrets Manager can't find the specified secret value for staging label: ${VersionStage}`,
  );
}

function put(secret: Secret, input: Input): object {
  const { ClientRequestToken = randomUUID(), SecretString = "", VersionStages = ["AWSCURRENT"] } = input;
  if (Buffer.byteLength(SecretString) > 65_536) {
    throw new ServiceError("ValidationException", "secretString failed to satisfy constraint: at most 65536 bytes");
  }
  const known = secret.versions.get(ClientRequestToken);
  if (known !== undefined && known !== SecretString) {
    throw new ServiceError("ResourceExistsException", "You can't modify an existing version of the secret.");
  }
  secret.versions.set(ClientRequestToken, SecretString);
  for (const label of VersionStages) setLabel(secret, label, ClientRequestToken);
  return { ARN: secret.arn, VersionId: ClientRequestToken };
}

function moveLabel(secret: Secret, { VersionStage = "", MoveToVersionId, RemoveFromVersionId }: Input): object {
  const has = secret.labels.get(VersionStage);
  if (has !== undefined && has !== MoveToVersionId && has !== RemoveFromVersionId) {
    throw new ServiceError("InvalidParameterException", `The parameter RemoveFromVersionId must be ${has}.`);
  }
  if (MoveToVersionId === undefined) secret.labels.delete(VersionStage);
  else if (!secret.versions.has(MoveToVersionId)) {
    throw new ServiceError("ResourceNotFoundException", "there is no such version");
  } else setLabel(secret, VersionStage, MoveToVersionId);
  return { ARN: secret.arn };
}

function setLabel({ labels }: Secret, label: string, version: string): void {
  const before = labels.get(label);
  if (label === "AWSCURRENT" && before !== undefined && before !== version) labels.set("AWSPREVIOUS", before);
  labels.set(label, version);
}

function stagesOf({ versions, labels }: Secret): Record<string, string[]> {
  const stages: Record<string, string[]> = {};
  for (const version of versions.keys()) {
    const on = [...labels].filter(([, labelled]) => labelled === version).map(([label]) => label);
    if (on.length > 0) stages[version] = on;
  }
  return stages;
}
