import type { BlobRef, EventBody } from "../../src/contract/events.ts";
import type { JobId, TenantId } from "../../src/contract/ids.ts";
import { cursorAfter, type ListPlace, placeOf } from "../../src/core/list-cursor.ts";
import type { AppendOutcome, Head, HeadChange, ListQuery, StoredCommit } from "../../src/core/ports.ts";
import { TERMINAL_STATUSES } from "../../src/core/state.ts";

/** What all processes of a world share and no crash touches: logs, heads, blobs, snapshots. Every method is one atomic effect. */
export class Store {
  /** Each job's commits by the key that makes an append conditional. */
  readonly logs = new Map<JobId, Map<number, StoredCommit>>();
  readonly heads = new Map<JobId, Head>();
  readonly #blobs = new Map<string, string>();
  readonly #snapshots = new Map<string, string>();

  append(commit: StoredCommit, head: Head | undefined): AppendOutcome {
    const log = this.logs.get(commit.jobId) ?? new Map<number, StoredCommit>();
    const key = keyOf(commit);
    if (log.has(key)) return "conflict";
    this.logs.set(commit.jobId, log.set(key, commit));
    if (head) this.addHead(head);
    return "appended";
  }

  addHead(head: Head): void {
    if (!this.heads.has(head.jobId)) this.heads.set(head.jobId, head);
  }

  /** In order, also where a bug has put something in between. */
  commits(jobId: JobId): StoredCommit[] {
    return [...(this.logs.get(jobId)?.values() ?? [])].sort((a, b) => a.firstSeq - b.firstSeq);
  }

  read(jobId: JobId, afterSeq: number, limit: number): StoredCommit[] {
    return this.commits(jobId)
      .filter(({ firstSeq }) => firstSeq > afterSeq)
      .slice(0, limit);
  }

  /** The events of a commit, without the large values that are kept as blobs. */
  eventsOf({ body }: StoredCommit): readonly EventBody[] {
    const parsed = JSON.parse(body) as readonly EventBody[] | { readonly ref: BlobRef };
    return "ref" in parsed ? (JSON.parse(this.blob(parsed.ref)) as EventBody[]) : parsed;
  }

  list({ tenant, status, workflow, limit, cursor }: ListQuery): { jobs: Head[]; cursor: string | undefined } {
    const found = [...this.heads.values()]
      .filter((head) => head.tenant === tenant)
      .filter((head) => (status ?? head.status) === head.status && (workflow ?? head.workflow) === head.workflow)
      .sort((a, b) => (orderOf(a) < orderOf(b) ? 1 : -1))
      .filter((head) => cursor === undefined || orderOf(head) < orderOf(placeOf(cursor)));
    const last = found[limit - 1];
    return { jobs: found.slice(0, limit), cursor: last && found.length > limit ? cursorAfter(last) : undefined };
  }

  countRunning(tenant: TenantId, most: number): number {
    const running = [...this.heads.values()].filter((head) => head.tenant === tenant && head.status === "running");
    return Math.min(running.length, most);
  }

  due(nowMs: number, limit: number): Head[] {
    return [...this.heads.values()]
      .filter(({ wakeAtMs }) => wakeAtMs !== undefined && wakeAtMs <= nowMs)
      .sort((a, b) => (a.wakeAtMs ?? 0) - (b.wakeAtMs ?? 0))
      .slice(0, limit);
  }

  changeHead(jobId: JobId, { status, wakeAtMs }: HeadChange): void {
    const head = this.heads.get(jobId);
    if (head === undefined || TERMINAL_STATUSES.includes(head.status)) return;
    this.heads.set(jobId, {
      ...head,
      status: status ?? head.status,
      wakeAtMs: wakeAtMs === undefined ? head.wakeAtMs : (wakeAtMs ?? undefined),
    });
  }

  putBlob(ref: BlobRef, text: string): void {
    this.#blobs.set(ref.key, text);
  }

  blob({ key }: BlobRef): string {
    const text = this.#blobs.get(key);
    if (text === undefined) throw new Error(`there is no blob ${key}`);
    return text;
  }

  putSnapshot(jobId: JobId, seq: number, text: string): void {
    this.#snapshots.set(`${jobId}/${seq}`, text);
  }

  snapshot(jobId: JobId, seq: number): string | undefined {
    return this.#snapshots.get(`${jobId}/${seq}`);
  }

  /** By their owners, for the check that none sees another's. */
  jobsOf(tenant: TenantId): JobId[] {
    return [...this.heads.values()].filter((head) => head.tenant === tenant).map(({ jobId }) => jobId);
  }
}

/** Rule 2 of the job protocol. */
const keyOf = (commit: StoredCommit): number => commit.firstSeq;

const orderOf = ({ createdAt, jobId }: ListPlace): string => `${createdAt} ${jobId}`;
