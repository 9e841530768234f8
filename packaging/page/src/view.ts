// What is looked at and how: all of it is in the address, so that a view can be sent to somebody.

import { palette } from "./colours";

export type Axis = "step" | "relative" | "time";
export type Smoothing = "time_weighted" | "exponential" | "gaussian";

export interface View {
  page: "charts" | "table" | "compare" | "artifacts" | "run";
  /** The run that the page "run" is about; here and below runs are "project/id". */
  run: string;
  project: string;
  /** Runs that are not shown in charts; "all but these". */
  hidden: string[];
  /** Runs that stay at the top. */
  pinned: string[];
  /** Of runs that have another than their own: its place in the palette. */
  colours: Record<string, number>;
  /** Of runs and of metrics, as regular expressions. */
  runs: string;
  metrics: string;
  axis: Axis;
  /** A metric that the others are drawn over, instead of the axis. */
  x: string;
  smoothing: Smoothing;
  /** 0: none. */
  weight: number;
  log_x: boolean;
  log_y: boolean;
  outliers: boolean;
  marks: boolean;
  /** Of all charts, in the axis's unit. */
  zoom: [number, number] | null;
  sort: string;
  descending: boolean;
  /** The table's columns in their order; null: the usual ones. */
  columns: string[] | null;
  /** The table's rows together by this column. */
  group: string;
  theme: "auto" | "light" | "dark";
  /** The one chart that fills the page. */
  metric: string;
  /** What is tried: which versions this would have saved, and kept. */
  policy: string;
  keep: string;
  /** The runs that were put away, instead of the others. */
  deleted: boolean;
}

export const plain: View = {
  page: "charts",
  run: "",
  project: "",
  hidden: [],
  pinned: [],
  colours: {},
  runs: "",
  metrics: "",
  axis: "step",
  x: "",
  smoothing: "time_weighted",
  weight: 0,
  log_x: false,
  log_y: false,
  outliers: true,
  marks: true,
  zoom: null,
  sort: "created_ms",
  descending: true,
  columns: null,
  group: "",
  theme: "auto",
  metric: "",
  policy: "",
  keep: "",
  deleted: false,
};

/** Only what differs from the plain view. */
export function to_address(view: View): string {
  const out = new URLSearchParams();
  for (const key of Object.keys(plain) as (keyof View)[]) {
    const value = view[key];
    if (JSON.stringify(value) === JSON.stringify(plain[key])) continue;
    out.set(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  return out.toString();
}

/** What is no such value is left as it is in the plain view: an address is text from anywhere. */
export function from_address(text: string): View {
  const view: View = { ...plain };
  const words: Partial<Record<keyof View, string[]>> = {
    page: ["charts", "table", "compare", "artifacts", "run"],
    axis: ["step", "relative", "time"],
    smoothing: ["time_weighted", "exponential", "gaussian"],
    theme: ["auto", "light", "dark"],
  };
  for (const [name, value] of new URLSearchParams(text)) {
    if (!Object.hasOwn(plain, name)) continue;
    const key = name as keyof View;
    const set = (read: unknown) => ((view as unknown as Record<string, unknown>)[key] = read);
    if (words[key]) {
      if (words[key].includes(value)) set(value);
    } else if (typeof plain[key] === "string") {
      set(value);
    } else {
      let read: unknown;
      try {
        read = JSON.parse(value);
      } catch {
        continue;
      }
      if (key === "zoom") {
        const pair = Array.isArray(read) && read.length === 2 && read.every((n) => Number.isFinite(n));
        if (pair && (read as number[])[0]! < (read as number[])[1]!) set(read);
      } else if (key === "hidden" || key === "pinned" || key === "columns") {
        if (Array.isArray(read) && read.every((id) => typeof id === "string")) set(read);
      } else if (key === "colours") {
        const is_place = (n: unknown) => Number.isInteger(n) && palette[n as number] !== undefined;
        if (read && typeof read === "object" && Object.values(read).every(is_place)) set({ ...read });
      } else if (typeof read === typeof plain[key]) {
        set(read);
      }
    }
  }
  return view;
}

/** Whether a run is named by its key; older addresses name it by its id alone. */
export const is_among = (names: Set<string>, run: { key: string; id: string }): boolean => names.has(run.key) || names.has(run.id);

/** Whether a text matches a pattern; a pattern that is none (yet) is looked for as it stands. */
export function matches(pattern: string, text: string): boolean {
  if (!pattern) return true;
  try {
    return new RegExp(pattern, "i").test(text);
  } catch {
    return text.toLowerCase().includes(pattern.toLowerCase());
  }
}
