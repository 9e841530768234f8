// The table of runs: which columns it has, how its rows are ordered, and what stays at its top.
import { useMemo, useRef, useState } from "preact/hooks";
import { by_name, is_system } from "./charts";
import { duration, finite, time } from "./numbers";
import { cell, flat, lasted, State } from "./pages";
import { Paint } from "./paint";
import type { Metric, Run } from "./source";
import type { Shown } from "./app";
import { matches } from "./view";

interface Column {
  key: string;
  title: string;
  of: (run: Run) => unknown;
  show?: (value: unknown, run: Run) => preact.ComponentChildren;
}

const plain_columns: Column[] = [
  { key: "state", title: "state", of: (run) => run.state, show: (_, run) => <State run={run} /> },
  { key: "created_ms", title: "created", of: (run) => run.created_ms, show: (value) => time(value as number | null) },
  { key: "lasted", title: "lasted", of: lasted, show: (value) => (value === null ? "–" : duration(value as number)) },
  { key: "tags", title: "tags", of: (run) => run.tags.join(", ") },
];
const more_columns: Column[] = [
  { key: "project", title: "project", of: (run) => run.project },
  { key: "group", title: "group", of: (run) => run.group },
  { key: "job_type", title: "job type", of: (run) => run.job_type },
  { key: "id", title: "id", of: (run) => run.id },
  { key: "notes", title: "notes", of: (run) => run.notes },
];
const of_metric: Record<string, { title: string; of: (metric: Metric) => unknown }> = {
  last: { title: "", of: (metric) => metric.last ?? metric.text },
  min: { title: " (min)", of: (metric) => metric.min },
  max: { title: " (max)", of: (metric) => metric.max },
  mean: { title: " (mean)", of: (metric) => metric.mean },
};

type Goals = Map<string, "minimize" | "maximize">;

/** The column that a key names, also of a metric or setting that no run here has. */
function column_of(key: string, goals: Goals): Column | undefined {
  const known = [...plain_columns, ...more_columns].find((column) => column.key === key);
  if (known) return known;
  const colon = key.indexOf(":");
  const name = key.slice(colon + 1);
  const kind = key.slice(0, colon);
  if (kind === "config") return { key, title: name, of: (run) => flat(run.config).find(([path]) => path === name)?.[1] };
  const best = goals.get(name) === "maximize" ? "max" : "min";
  const what = Object.hasOwn(of_metric, kind) || kind === "best" ? of_metric[kind === "best" ? best : kind] : undefined;
  return what && { key, title: name + what.title, of: (run) => run.metrics[name] && what.of(run.metrics[name]) };
}

/** The keys of all columns that these runs can have, and those that the table has unless others are chosen. */
function columns_of(listed: Run[]): { goals: Goals; usual: string[]; all: string[] } {
  const goals: Goals = new Map();
  const config = new Set<string>();
  const metrics = new Set<string>();
  for (const run of listed) {
    for (const [key] of flat(run.config)) config.add(`config:${key}`);
    for (const name of Object.keys(run.metrics)) metrics.add(name);
    for (const [name, { goal }] of Object.entries(run.defined)) if (goal && !goals.has(name)) goals.set(name, goal);
  }
  const names = [...metrics].sort(by_name.compare);
  const settings = [...config].sort(by_name.compare);
  const shown = (name: string) => [`last:${name}`, ...(goals.has(name) ? [`best:${name}`] : [])];
  const rest = (name: string) => ["min", "max", "mean"].filter((kind) => kind !== { minimize: "min", maximize: "max", "": "" }[goals.get(name) ?? ""]);
  const of = (columns: Column[]) => columns.map((column) => column.key);
  return {
    goals,
    usual: [...of(plain_columns), ...settings, ...names.filter((name) => !is_system(name)).slice(0, 200).flatMap(shown)],
    all: [...of(plain_columns), ...of(more_columns), ...settings, ...names.flatMap((name) => [...shown(name), ...rest(name).map((kind) => `${kind}:${name}`)])],
  };
}

/** Numbers before texts, what is not there last, whichever way. */
function order(a: unknown, b: unknown, descending: boolean): number {
  const missing = (v: unknown) => v === undefined || v === null || v === "";
  if (missing(a) || missing(b)) return Number(missing(a)) - Number(missing(b));
  const by = typeof a === "number" && typeof b === "number" ? a - b : typeof a === "number" ? -1 : typeof b === "number" ? 1 : String(a).localeCompare(String(b));
  return descending ? -by : by;
}

export function Table({ shown }: { shown: Shown }) {
  const { view } = shown;
  const known = useMemo(() => columns_of(shown.listed), [shown.listed]);
  const chosen = view.columns ?? known.usual;
  const columns = useMemo(() => chosen.flatMap((key) => column_of(key, known.goals) ?? []), [chosen, known]);
  const by = useMemo(() => column_of(view.sort, known.goals), [view.sort, known]);
  const rows = useMemo(() => {
    const key = by?.of ?? ((run: Run) => run.name);
    return [...shown.listed].sort((a, b) => order(key(a), key(b), view.descending));
  }, [shown.listed, by, view.descending]);
  const [most, show_more] = useState(200);
  const pinned = rows.filter(shown.is_pinned);
  const others = pinned.length ? rows.filter((run) => !shown.is_pinned(run)) : rows;
  // Rows that have the same value of a column stand together, in the order of the first of each.
  const together = useMemo(() => column_of(view.group, known.goals), [view.group, known]);
  const groups = new Map<string, Run[]>();
  for (const run of others.slice(0, most)) {
    const value = together?.of(run);
    const key = value === undefined || value === "" ? "–" : cell(value);
    const members = groups.get(key);
    if (members) members.push(run);
    else groups.set(key, [run]);
  }
  const sort = (key: string) => shown.change(view.sort === key ? { descending: !view.descending } : { sort: key, descending: key === "created_ms" });
  const head = (key: string, title: string) => (
    <th key={key} aria-sort={view.sort === key ? (view.descending ? "descending" : "ascending") : "none"}>
      <button onClick={() => sort(key)}>
        {title}
        {view.sort === key && (view.descending ? " ↓" : " ↑")}
      </button>
    </th>
  );
  const row = (run: Run) => (
    <tr key={run.key}>
      <th scope="row">
        <Pin shown={shown} run={run} />
        <Paint shown={shown} run={run} />
        <a href={shown.link({ page: "run", run: run.key })}>{run.name}</a>
      </th>
      {columns.map((column) => {
        const value = column.of(run);
        return <td key={column.key} class={finite(value as never) === null ? "" : "number"}>{column.show ? column.show(value, run) : value === undefined ? "" : cell(value)}</td>;
      })}
    </tr>
  );
  return (
    <>
      <form class="tools" onSubmit={(e) => e.preventDefault()}>
        <Columns shown={shown} chosen={chosen} {...known} />
        <label>
          group by
          <select aria-label="group by" value={view.group} onChange={(e) => shown.change({ group: e.currentTarget.value })}>
            <option value="">nothing</option>
            {known.all.filter((key) => /^(config:|state|tags|project|group|job_type)/.test(key)).map((key) => <option key={key} value={key}>{column_of(key, known.goals)!.title}</option>)}
          </select>
        </label>
        {view.pinned.length > 0 && <button onClick={() => shown.change({ pinned: [] })}>unpin all</button>}
      </form>
      <div class="wide">
        <table class="runs">
          <thead>
            <tr>
              {head("name", "run")}
              {columns.map((column) => head(column.key, column.title))}
            </tr>
          </thead>
          {pinned.length > 0 && <tbody class="pinned">{pinned.map(row)}</tbody>}
          {[...groups].map(([key, members]) => (
            <tbody key={key}>
              {together && (
                <tr class="group">
                  <th scope="rowgroup" colSpan={columns.length + 1}>{together.title} {key} <span class="dim">{members.length}</span></th>
                </tr>
              )}
              {members.map(row)}
            </tbody>
          ))}
        </table>
      </div>
      {others.length > most && <button onClick={() => show_more(most + 1000)}>{others.length - most} more</button>}
    </>
  );
}

/** Keeps a run at the top of the table and of the list. */
export function Pin({ shown, run }: { shown: Shown; run: Run }) {
  const is_pinned = shown.is_pinned(run);
  return (
    <button type="button" class="pin" aria-pressed={is_pinned} aria-label={`pin ${run.name}`} title={is_pinned ? "Unpin" : "Pin to the top"} onClick={() => shown.pin(run)}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5 1.5h6l-1 5 2.5 3h-9l2.5-3zM8 9.5v5" /></svg>
    </button>
  );
}

/** Which columns the table has, and in which order. */
function Columns({ shown, chosen, goals, all }: { shown: Shown; chosen: string[]; goals: Goals; all: string[] }) {
  const [search, look_for] = useState("");
  const [is_open, open] = useState(false);
  const panel = useRef<HTMLDivElement>(null);
  const set = (columns: string[] | null) => shown.change({ columns });
  const title = (key: string) => column_of(key, goals)?.title ?? key;
  const rest = all.filter((key) => !chosen.includes(key) && matches(search, title(key)));
  const move = (key: string) => {
    const at = chosen.indexOf(key);
    set([...chosen.slice(0, at - 1), key, chosen[at - 1]!, ...chosen.slice(at + 1)]);
  };
  const most = 100;
  return (
    <>
      <button type="button" onClick={() => panel.current!.togglePopover()}>columns <span class="dim">{chosen.length}</span></button>
      <div popover="auto" class="columns" role="dialog" aria-label="columns" ref={panel} onToggle={(e) => open(e.newState === "open")}>
        {is_open && <><header>
          <input type="search" placeholder="columns: a pattern" aria-label="search columns" value={search} onInput={(e) => look_for(e.currentTarget.value)} />
          <button type="button" onClick={() => set([])}>none</button>
          <button type="button" disabled={shown.view.columns === null} onClick={() => set(null)}>usual ones</button>
        </header>
        <ul tabIndex={0} aria-label="columns">
          {chosen.map((key, at) => matches(search, title(key)) && (
            <li key={key}>
              <label><input type="checkbox" checked onChange={() => set(chosen.filter((one) => one !== key))} /> {title(key)}</label>
              <button type="button" class="quiet" disabled={at === 0} aria-label={`${title(key)} further left`} title="Further left" onClick={() => move(key)}>↑</button>
            </li>
          ))}
          {rest.slice(0, most).map((key) => (
            <li key={key}>
              <label><input type="checkbox" checked={false} onChange={() => set([...chosen, key])} /> {title(key)}</label>
            </li>
          ))}
          {rest.length > most && <li class="dim">and {rest.length - most} more: search for them</li>}
        </ul></>}
      </div>
    </>
  );
}
