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
  config: Record<string, unknown>;
  metrics: Record<string, Metric>;
}

export interface Runs {
  runs: Run[];
  truncated: boolean;
  damaged: Failure[];
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
}
export interface Row {
  step: number;
  time_ms: number | null;
  row: Record<string, Num | string | boolean>;
}
export interface RunDetails extends Run {
  summary: Record<string, unknown>;
  versions: Version[];
  damaged: Failure[];
  last_rows?: Row[];
  last_lines?: string[];
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
  series: { series: Series[] };
  decisions: { decisions: Decision[] };
  simulate: DryRun;
  lines: { lines: string[] };
}

export type Parameters = [string, string | number][];

export interface Source {
  /** Whether runs may go on while they are looked at. */
  readonly live: boolean;
  /** Throws a `Failure`. */
  ask<Q extends keyof Answers>(question: Q, parameters: Parameters): Promise<Answers[Q]>;
}

/** A server that speaks HTTP. */
export class Server implements Source {
  readonly live = true;
  constructor(private readonly root: string) {}

  async ask<Q extends keyof Answers>(question: Q, parameters: Parameters): Promise<Answers[Q]> {
    const query = new URLSearchParams(parameters.map(([name, value]) => [name, String(value)]));
    const reply = await fetch(`${this.root}api/${question}?${query}`, { headers: { accept: "application/json" } });
    const body = await reply.json();
    if (!reply.ok) throw body.error as Failure;
    return body as Answers[Q];
  }
}

/** The answers that a report has inside. */
export interface Inside {
  runs: Runs;
  details: Record<string, RunDetails>;
  decisions: Record<string, Decision[]>;
  /** By run and metric: in as many buckets as the report's size allowed. Few values need no second axis. */
  series: Record<string, Record<string, { step: Series; relative?: Series }>>;
}

export class Report implements Source {
  readonly live = false;
  constructor(private readonly inside: Inside) {}

  async ask<Q extends keyof Answers>(question: Q, parameters: Parameters): Promise<Answers[Q]> {
    const all = (name: string) => parameters.filter(([key]) => key === name).map(([, value]) => String(value));
    const run = all("run")[0] ?? "";
    switch (question) {
      case "runs":
        return this.inside.runs as Answers[Q];
      case "run": {
        const found = this.inside.details[run];
        if (found) return found as Answers[Q];
        break;
      }
      case "decisions":
        return { decisions: this.inside.decisions[run] ?? [] } as Answers[Q];
      case "lines":
        return { lines: this.inside.details[run]?.last_lines ?? [] } as Answers[Q];
      case "series": {
        const axis = (all("axis")[0] ?? "step") as Axis;
        const series = all("run").flatMap((id) =>
          all("metric").flatMap((metric) => on_axis(this.inside.series[id]?.[metric], axis) ?? []),
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

/** Buckets by wall time are those by the time since the beginning, and that. */
function on_axis(known: { step: Series; relative?: Series } | undefined, axis: Axis): Series | undefined {
  if (!known || axis === "step" || !known.relative) return known?.step;
  if (axis === "relative" || !known.relative.buckets) return known.relative;
  const later = (all: number[]) => all.map((ns) => ns + known.relative!.origin_ms * 1e6);
  const { buckets } = known.relative;
  return { ...known.relative, buckets: { ...buckets, from: later(buckets.from), to: later(buckets.to) } };
}
