// Where answers come from: a server, or the data inside a report. Both know the same questions, those of
// include/cairn/query/api.hpp.

import { smooth } from "./smooth";
import type { Axis, Smoothing } from "./view";

export type Word = "NaN" | "Infinity" | "-Infinity";
export type Num = number | Word | null;

export interface Failure {
  code: string;
  message: string;
  path: string;
  advice: string;
}

export interface Metric {
  count: number;
  last?: Num;
  last_step: number;
  min?: Num;
  min_step?: number;
  max?: Num;
  max_step?: number;
  mean?: Num;
  nans?: number;
  text?: string;
}

export interface Run {
  id: string;
  project: string;
  name: string;
  state: "running" | "finished" | "failed" | "exited" | "crashed";
  why: string;
  created_ms: number | null;
  started_ms: number | null;
  ended_ms: number | null;
  group: string;
  job_type: string;
  notes: string;
  tags: string[];
  defined: Record<string, { goal?: "minimize" | "maximize"; unit?: string; step_metric?: string }>;
  dir: string;
  /** Put away: not listed. */
  deleted?: boolean;
  config: Record<string, unknown>;
  metrics: Record<string, Metric>;
  /** How many more it has than are here. */
  metrics_left_out?: number;
  /** Grows when it changes; of this page's own. */
  seen?: number;
  /** What names it among all: an id is one run's only within its project. */
  key: string;
}

export interface Runs {
  runs: Run[];
  truncated: boolean;
  damaged: Failure[];
}
/** Of a server: all runs, or those that have changed. */
interface Changes extends Runs {
  all: boolean;
  gone: string[];
  cursor: string;
}

export interface Points {
  step: number[];
  time_ms: number[];
  value: Num[];
}
export interface Buckets {
  from: number[];
  to: number[];
  min: Num[];
  max: Num[];
  last: Num[];
  finite: number[];
  not_finite: number[];
}
export interface Series {
  run: string;
  project: string;
  metric: string;
  size: number;
  in_window: number;
  restarts: number;
  damaged: number;
  unread: number;
  first_step: number;
  last_step: number;
  first_ms: number;
  last_ms: number;
  origin_ms: number;
  /** Over another metric: values that were logged before it was. */
  without_x?: number;
  /** The first values after the step went back. */
  restarts_at?: Points;
  points?: Points;
  buckets?: Buckets;
  smooth?: { at: number[]; value: number[] };
}

export interface Version {
  artifact: string;
  type: string;
  version: string;
  run: string;
  step: number | null;
  created_ms: number;
  bytes: number;
  aliases: string[];
  metrics: Record<string, Num>;
  files: { path: string; bytes: number; sha256?: string; reference?: string }[];
  project: string;
  description: string;
  metadata: Record<string, unknown>;
  /** The runs that asked for it. */
  used_by?: string[];
}
export interface Row {
  step: number;
  time_ms: number | null;
  row: Record<string, Num | string | boolean>;
}
/** Where a run was made. */
export interface Environment {
  command?: string[];
  host?: string;
  user?: string;
  os?: string;
  processors?: number;
  processor?: string;
  memory?: number;
  compiler?: string;
  flags?: string;
  folder?: string;
  git?: { commit: string; branch?: string; root?: string; dirty?: boolean };
  variables?: Record<string, string>;
}
export interface RunDetails extends Run {
  environment?: Environment;
  summary: Record<string, unknown>;
  versions: Version[];
  damaged: Failure[];
  last_rows?: Row[];
  last_lines?: string[];
}

/** The rich values of a metric. */
export interface MediaMetric {
  kind: string;
  count: number;
  first_step: number;
  last_step: number;
}
export interface Media {
  metric: string;
  step: number;
  time_ms?: number;
  kind: string;
  type: string;
  about: Record<string, unknown>;
  bytes: number;
  at: number;
  json?: unknown;
  text?: string;
  base64?: string;
  error?: Failure;
}
export interface Histogram {
  edges: number[];
  counts: number[];
  finite: number;
  nan: number;
  positive_infinity: number;
  negative_infinity: number;
  min?: number;
  max?: number;
  mean?: number;
}
export interface TableValue {
  columns: string[];
  data: unknown[][];
}
export interface Matrix {
  labels: string[];
  counts: number[][];
}
export interface Curve {
  x_name: string;
  y_name: string;
  x: number[];
  y: number[];
  area?: number;
}
export interface Grid {
  width: number;
  height: number;
  at: (i: number) => number;
}
export interface Alert {
  title: string;
  text: string;
  level: "info" | "warn" | "error";
  step: number;
  time_ms: number | null;
}

export interface Decision {
  kind: string;
  checkpoint: string;
  step: number;
  time_ms: number | null;
  version: string | null;
  queued: boolean;
  by_hand: boolean;
  text: string;
  retention: string;
  because: { policy: string; reason: string }[];
  row: Row["row"];
}

/** What happened to a run beside its rows. */
export interface Events {
  decisions: Decision[];
  alerts: Alert[];
}

export interface DryRun {
  versions: { version: string; step: number; time_ms: number | null; kept: boolean }[];
  rows: number;
  bytes_written: number;
  bytes_kept: number;
  most_bytes_kept: number;
  most_rows_lost: number;
}

export interface Answers {
  runs: Runs;
  run: RunDetails;
  metrics: Record<string, Metric>;
  series: { series: Series[] };
  artifacts: { versions: Version[]; damaged: Failure[] };
  decisions: Events;
  media: { media?: Record<string, MediaMetric>; entries?: Media[]; count?: number; left_out?: number };
  simulate: DryRun;
  lines: { lines: string[] };
}

export type Parameters = [string, string | number][];

export interface Source {
  /** Whether runs may go on while they are looked at. */
  readonly live: boolean;
  /** Whether runs may be changed from here. */
  readonly writable: boolean;
  /** Changes a run: name, notes, tags, deleted. Throws a `Failure`. */
  edit(parameters: Parameters): Promise<void>;
  /** Throws a `Failure`. */
  ask<Q extends keyof Answers>(question: Q, parameters: Parameters): Promise<Answers[Q]>;
  /** Hears of all runs now and whenever one has changed. Returns what ends it. */
  follow(hear: (runs: Runs) => void, fail: (why: Failure) => void): () => void;
}

const silent: Failure = { code: "io", message: "the server does not answer", path: "", advice: "is it still running?" };

/** See `Run.key`; the server understands it as the name of a run. */
export const key_of = (project: string, id: string): string => `${project}/${id}`;
const with_key = <R extends Run>(run: R): R => ({ ...run, key: key_of(run.project, run.id) });

/** A server that speaks HTTP. */
export class Server implements Source {
  readonly live = true;
  /** The page was asked for with the token. */
  readonly writable = document.documentElement.dataset.writable !== undefined;
  private waiting = new Map<string, { metrics: Set<string>; answer: Promise<Answers["series"]> }>();
  constructor(private readonly root: string) {}

  async edit(parameters: Parameters): Promise<void> {
    await this.post("edit", parameters);
  }

  async ask<Q extends keyof Answers>(question: Q, parameters: Parameters): Promise<Answers[Q]> {
    return question === "series" ? ((await this.ask_series(parameters)) as Answers[Q]) : this.fetch(question, parameters);
  }

  follow(hear: (runs: Runs) => void, fail: (why: Failure) => void): () => void {
    const known = new Map<string, Run>();
    let seen = 0;
    let cursor = "";
    let is_silent = false; // the page says that something is wrong
    const take = (changes: Changes) => {
      if (changes.cursor === cursor && !is_silent) return;
      cursor = changes.cursor;
      is_silent = false;
      seen++;
      if (changes.all) {
        const still = new Set(changes.runs.map((run) => key_of(run.project, run.id)));
        for (const key of [...known.keys()]) if (!still.has(key)) known.delete(key);
      }
      for (const key of changes.gone) known.delete(key);
      for (const run of changes.runs.map(with_key)) known.set(run.key, { ...run, seen });
      hear({ runs: [...known.values()], truncated: changes.truncated, damaged: changes.damaged });
    };
    const lose = (why: Failure) => ((is_silent = true), fail(why));
    const poll = () => this.fetch("runs", cursor ? [["since", cursor]] : []).then((changes) => take(changes as Changes), lose);
    let timer = 0;
    let events: EventSource | undefined;
    let is_over = false;
    const listen = () => {
      if (is_over) return;
      events = new EventSource(`${this.root}api/changes${cursor && `?since=${encodeURIComponent(cursor)}`}`);
      events.onmessage = (event) => take(JSON.parse(event.data) as Changes);
      events.addEventListener("failure", (event) => lose(JSON.parse((event as MessageEvent<string>).data) as Failure));
      events.onerror = () => {
        lose(silent);
        // The browser tries again by itself, unless it was refused: too many pages may be open.
        if (events!.readyState === EventSource.CLOSED && !timer) timer = setInterval(() => document.hidden || poll(), 2000), void poll();
      };
    };
    // A large answer takes a browser much longer to read as an event; and what is asked for next comes first.
    void poll().finally(() => setTimeout(listen, 500));
    return () => ((is_over = true), events?.close(), clearInterval(timer));
  }

  /** What several charts ask for at the same time is one question. */
  private async ask_series(parameters: Parameters): Promise<Answers["series"]> {
    const metric = parameters.filter(([name]) => name === "metric").map(([, value]) => String(value));
    const rest = parameters.filter(([name]) => name !== "metric");
    const key = JSON.stringify(rest);
    let together = this.waiting.get(key);
    const of = (name: string) => Number(parameters.find(([key]) => key === name)?.[1] ?? 1000);
    const runs = parameters.filter(([name]) => name === "run").length;
    const most = Math.max(1, Math.floor(200_000 / (of("buckets") * Math.max(1, runs)))); // an answer has its bounds
    if (!together || together.metrics.size >= most) {
      const metrics = new Set<string>();
      const answer = new Promise<void>((go) => setTimeout(go, 0)).then(() => {
        if (this.waiting.get(key)?.metrics === metrics) this.waiting.delete(key);
        return this.fetch("series", [...rest, ...[...metrics].map((name): [string, string] => ["metric", name])]);
      });
      this.waiting.set(key, (together = { metrics, answer }));
    }
    for (const name of metric) together.metrics.add(name);
    const { series } = await together.answer;
    return { series: series.filter((one) => metric.includes(one.metric)) };
  }
  private async fetch<Q extends keyof Answers>(question: Q, parameters: Parameters): Promise<Answers[Q]> {
    const query = new URLSearchParams(parameters.map(([name, value]) => [name, String(value)])).toString();
    // Long ones have no room in an address.
    return (await (query.length < 2000 ? this.send(`${this.root}api/${question}${query && "?"}${query}`) : this.post(question, parameters))) as Answers[Q];
  }
  private post(question: string, parameters: Parameters): Promise<unknown> {
    const body: Record<string, string[]> = {};
    for (const [name, value] of parameters) (body[name] ??= []).push(String(value));
    return this.send(`${this.root}api/${question}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  }
  private async send(address: string, how?: RequestInit): Promise<unknown> {
    const reply = await fetch(address, how).catch(() => {
      throw silent;
    });
    const body = await reply.json();
    if (!reply.ok) throw body.error as Failure;
    return body;
  }
}
/** The answers that a report has inside, by the key of a run. */
export interface Inside {
  details: Record<string, RunDetails>;
  events: Record<string, Events>;
  /** And by metric: in as many buckets as the report's size allowed. Few values need no second axis. */
  series: Record<string, Record<string, { step: Series; relative?: Series }>>;
  /** As many of the rich values as the report's size allowed. */
  media: Record<string, { media: Record<string, MediaMetric>; entries: Media[]; left_out: number }>;
}

export class Report implements Source {
  readonly live = false;
  readonly writable = false;
  constructor(private readonly inside: Inside) {}

  follow(hear: (runs: Runs) => void): () => void {
    hear(this.runs());
    return () => {};
  }
  async edit(): Promise<void> {}

  private runs(): Runs {
    return { runs: Object.values(this.inside.details).map(with_key), truncated: false, damaged: [] };
  }

  private media(run: string, metric: string | undefined, most: number, at: string | undefined): Answers["media"] {
    const known = this.inside.media[run] ?? { media: {}, entries: [], left_out: 0 };
    if (metric === undefined) return { media: known.media, left_out: known.left_out };
    const of_metric = known.entries.filter((one) => one.metric === metric);
    return at === undefined ? { entries: spread(of_metric, most), count: of_metric.length } : { entries: of_metric.filter((one) => String(one.at) === at) };
  }

  async ask<Q extends keyof Answers>(question: Q, parameters: Parameters): Promise<Answers[Q]> {
    const all = (name: string) => parameters.filter(([key]) => key === name).map(([, value]) => String(value));
    const run = all("run")[0] ?? "";
    switch (question) {
      case "runs":
        return this.runs() as Answers[Q];
      case "run": {
        const found = this.inside.details[run];
        if (found) return found as Answers[Q];
        break;
      }
      case "metrics":
        return (this.inside.details[run]?.metrics ?? {}) as Answers[Q];
      case "artifacts":
        return { versions: Object.values(this.inside.details).flatMap((run) => run.versions), damaged: [] } as unknown as Answers[Q];
      case "decisions":
        return (this.inside.events[run] ?? { decisions: [], alerts: [] }) as Answers[Q];
      case "media":
        return this.media(run, all("metric")[0], Number(all("most")[0] ?? Infinity), all("at")[0]) as Answers[Q];
      case "lines":
        return { lines: this.inside.details[run]?.last_lines ?? [] } as Answers[Q];
      case "series": {
        const axis = (all("axis")[0] ?? "step") as Axis;
        const series = all("run").flatMap((key) =>
          all("metric").flatMap((metric) => on_axis(this.inside.series[key]?.[metric], axis) ?? []),
        );
        const kind = all("smooth")[0] as Smoothing | undefined;
        const look = (one: Series): Series =>
          kind ? { ...one, smooth: smooth(one, axis, kind, Number(all("weight")[0])) } : one;
        return { series: series.map(look) } as Answers[Q];
      }
    }
    const failure: Failure = {
      code: "unsupported",
      message: `a report cannot answer "${question}"`,
      path: "",
      advice: "open the store itself: cairn serve",
    };
    throw failure;
  }
}

/** So many of them, evenly spread, the first and the last among them. */
function spread<T>(all: T[], most: number): T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, i) => all[Math.floor((i * (all.length - 1)) / Math.max(1, most - 1))]!);
}

/** Buckets by wall time are those by the time since the beginning, and that. */
function on_axis(known: { step: Series; relative?: Series } | undefined, axis: Axis): Series | undefined {
  if (!known || axis === "step" || !known.relative) return known?.step;
  if (axis === "relative" || !known.relative.buckets) return known.relative;
  const later = (all: number[]) => all.map((ns) => ns + known.relative!.origin_ms * 1e6);
  const { buckets } = known.relative;
  return { ...known.relative, buckets: { ...buckets, from: later(buckets.from), to: later(buckets.to) } };
}
