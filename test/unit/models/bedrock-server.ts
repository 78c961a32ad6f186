import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32 } from "node:zlib";

export interface BedrockRequest {
  /** The model's id as sent, decoded. */
  readonly model: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: { readonly messages: readonly unknown[]; readonly inferenceConfig?: object };
  /** Whether the signature is the one that the secret key makes of this request. */
  readonly signed: boolean;
}

export interface BedrockServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: BedrockRequest[];
}

type Handler = (response: ServerResponse) => void;

/** A server that speaks Bedrock's ConverseStream, checks signatures (SigV4) and answers as told. */
export async function bedrockServer(secretAccessKey: string, handle: Handler): Promise<BedrockServer> {
  const requests: BedrockRequest[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const path = request.url ?? "";
    const model = /^\/model\/([^/]+)\/converse-stream$/.exec(path)?.[1];
    if (model === undefined)
      return void response.writeHead(404, { "x-amzn-errortype": "UnknownOperationException" }).end();
    requests.push({
      model: decodeURIComponent(model),
      path,
      headers: request.headers,
      body: JSON.parse(text),
      signed: isSigned(request, text, secretAccessKey),
    });
    handle(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An answer in one text block, with its usage. */
export const answer =
  (...chunks: readonly string[]): Handler =>
  (response) => {
    response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
    response.write(event("messageStart", { role: "assistant" }));
    for (const text of chunks) response.write(event("contentBlockDelta", { contentBlockIndex: 0, delta: { text } }));
    response.write(event("contentBlockStop", { contentBlockIndex: 0 }));
    response.write(event("messageStop", { stopReason: "end_turn" }));
    response.end(event("metadata", { usage: { inputTokens: 7, outputTokens: 3, totalTokens: 10 } }));
  };

/** An error as Bedrock answers it: the kind in a header. Services behind it write `message`, IAM writes `Message`. */
export const refuse =
  (status: number, type: string, message: string, key: "message" | "Message" = "message"): Handler =>
  (response) => {
    response.writeHead(status, { "content-type": "application/json", "x-amzn-errortype": `${type}:http://internal/` });
    response.end(JSON.stringify({ [key]: message }));
  };

/** A stream that begins and then reports an exception. */
export const breakOff =
  (type: string, message: string): Handler =>
  (response) => {
    response.writeHead(200, { "content-type": "application/vnd.amazon.eventstream" });
    response.write(event("messageStart", { role: "assistant" }));
    response.end(frame({ ":message-type": "exception", ":exception-type": type }, { message }));
  };

const event = (type: string, payload: object): Buffer =>
  frame({ ":message-type": "event", ":event-type": type, ":content-type": "application/json" }, payload);

/**
 * One frame of `vnd.amazon.eventstream`: total and header length with their checksum, headers (length, name, type 7 =
 * string, length, value), payload, checksum of all before.
 */
function frame(headers: Readonly<Record<string, string>>, payload: object): Buffer {
  const head = Buffer.concat(
    Object.entries(headers).map(([name, value]) =>
      Buffer.concat([
        Buffer.from([name.length]),
        Buffer.from(name),
        Buffer.from([7]),
        uint16(value.length),
        Buffer.from(value),
      ]),
    ),
  );
  const body = Buffer.from(JSON.stringify(payload));
  const lengths = Buffer.concat([uint32(16 + head.length + body.length), uint32(head.length)]);
  const unchecked = Buffer.concat([lengths, uint32(crc32(lengths)), head, body]);
  return Buffer.concat([unchecked, uint32(crc32(unchecked))]);
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
}

const SIGNATURE = /Credential=[^/]+\/(\d+)\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)/;

/** Makes the signature anew (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). */
function isSigned(request: IncomingMessage, body: string, secret: string): boolean {
  const [, day = "", region = "", service = "", names = "", signature] =
    SIGNATURE.exec(request.headers.authorization ?? "") ?? [];
  // Every service but S3 encodes the path a second time.
  const path = (request.url ?? "").split("/").map(encodeURIComponent).join("/");
  const headers = names.split(";").map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const payload = createHash("sha256").update(body).digest("hex");
  const canonical = [request.method, path, "", headers.join(""), names, payload].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = [
    "AWS4-HMAC-SHA256",
    request.headers["x-amz-date"],
    scope,
    createHash("sha256").update(canonical).digest("hex"),
  ].join("\n");
  const key = [day, region, service, "aws4_request"].reduce<string | Buffer>(
    (from, part) => hmac(from, part),
    `AWS4${secret}`,
  );
  return hmac(key, toSign).toString("hex") === signature;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
