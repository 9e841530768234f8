// The page: a bar, the runs on the left, and what is looked at.
import { render } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Charts } from "./charts";
import { colour, places } from "./colours";
import { Compare, RunPage, State, Table } from "./pages";
import { Report, Server, type Decision, type Failure, type Inside, type Run, type Runs, type Source } from "./source";
import { from_address, matches, to_address, type View } from "./view";

/** What all parts of the page see. */
export interface Shown {
  source: Source;
  view: View;
  is_dark: boolean;
  /** Of all runs. */
  places: Map<string, number>;
  /** Those of the project that match what is searched for, newest first. */
  listed: Run[];
  /** Those of them that are not hidden. */
  visible: Run[];
  /** Grows whenever something has changed. */
  tick: number;
  run: (id: string) => Run | undefined;
  decisions: (id: string) => Promise<Decision[]>;
  change: (part: Partial<View>) => void;
  link: (part: Partial<View>) => string;
}

function App({ source }: { source: Source }) {
  const [view, set_view] = useState<View>(() => from_address(location.hash.slice(1)));
  const [runs, set_runs] = useState<Runs | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const [tick, set_tick] = useState(0);
  const [help, set_help] = useState(false);
  const search = useRef<HTMLInputElement>(null);

  const change = useCallback((part: Partial<View>) => {
    // A range of one axis means nothing on another.
    set_view((before) => ({ ...before, ...(part.axis && part.axis !== before.axis ? { zoom: null } : {}), ...part }));
  }, []);
  useEffect(() => {
    const address = `#${to_address(view)}`;
    if (location.hash.slice(1) !== address.slice(1)) history.replaceState(null, "", address);
  }, [view]);
  useEffect(() => {
    const follow = () => set_view(from_address(location.hash.slice(1)));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);

  // Asked again as long as a run goes on; what has not changed is not drawn again.
  useEffect(() => {
    let is_over = false;
    let before = "";
    const look = async () => {
      try {
        const answer = await source.ask("runs", []);
        if (is_over) return;
        fail(null);
        const now = JSON.stringify(answer);
        if (now !== before) (before = now), set_runs(answer), set_tick((n) => n + 1);
      } catch (why) {
        if (!is_over) fail((why as Failure).message ? (why as Failure) : { code: "io", message: "the server does not answer", path: "", advice: "is it still running?" });
      }
    };
    void look();
    const timer = source.live ? setInterval(() => document.hidden || look(), 2000) : 0;
    return () => ((is_over = true), clearInterval(timer));
  }, [source]);

  const [system_dark, set_system_dark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const hear = () => set_system_dark(query.matches);
    query.addEventListener("change", hear);
    return () => query.removeEventListener("change", hear);
  }, []);
  const is_dark = view.theme === "dark" || (view.theme === "auto" && system_dark);
  document.documentElement.dataset.theme = is_dark ? "dark" : "light";

  const all = useMemo(() => [...(runs?.runs ?? [])].sort((a, b) => (b.created_ms ?? 0) - (a.created_ms ?? 0)), [runs]);
  const decided = useRef<{ tick: number; known: Map<string, Promise<Decision[]>> }>({ tick: -1, known: new Map() });
  const decisions = (id: string) => {
    if (decided.current.tick !== tick) decided.current = { tick, known: new Map() };
    const { known } = decided.current;
    if (!known.has(id)) known.set(id, source.ask("decisions", [["run", id]]).then((answer) => answer.decisions));
    return known.get(id)!;
  };
  const projects = useMemo(() => [...new Set(all.map((run) => run.project))].sort(), [runs]);
  const listed = useMemo(
    () => all.filter((run) => (!view.project || run.project === view.project) && matches(view.runs, `${run.name} ${run.id} ${run.tags.join(" ")} ${run.group}`)),
    [runs, view.project, view.runs],
  );
  const hidden = useMemo(() => new Set(view.hidden), [view.hidden]);
  const visible = useMemo(() => listed.filter((run, i) => (view.hidden.length ? !hidden.has(run.id) : i < 10)), [listed, hidden]);
  const shown: Shown = {
    source, view, is_dark, listed, visible, tick, decisions, change,
    places: useMemo(() => places(all.map((run) => run.id)), [runs]),
    run: (id) => all.find((run) => run.id === id),
    link: (part) => `#${to_address({ ...view, ...part })}`,
  };
  const toggle = (id: string) => {
    const now = new Set(visible.map((run) => run.id));
    if (!now.delete(id)) now.add(id);
    const out = listed.filter((run) => !now.has(run.id)).map((run) => run.id);
    change({ hidden: out.length ? out : ["-"] });
  };

  useEffect(() => {
    const keys: Record<string, () => void> = {
      "/": () => search.current?.focus(),
      c: () => change({ page: "charts", metric: "" }),
      t: () => change({ page: "table" }),
      d: () => change({ page: "compare" }),
      l: () => change({ log_y: !view.log_y }),
      x: () => change({ axis: view.axis === "step" ? "relative" : view.axis === "relative" ? "time" : "step" }),
      r: () => change({ zoom: null }),
      m: () => change({ theme: is_dark ? "light" : "dark" }),
      "?": () => set_help(!help),
      Escape: () => (help ? set_help(false) : change({ metric: "", zoom: null })),
    };
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea")) return;
      const act = keys[event.key];
      if (act) event.preventDefault(), act();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [view, is_dark, help]);

  const tab = (page: View["page"], title: string) => (
    <a href={shown.link({ page, metric: "" })} aria-current={view.page === page ? "page" : undefined}>{title}</a>
  );
  return (
    <>
      <header class="bar">
        <a class="name" href={shown.link({ page: "charts", metric: "" })}>cairn</a>
        <nav aria-label="pages">{tab("charts", "Charts")}{tab("table", "Runs")}{tab("compare", "Compare")}</nav>
        <span class="fill" />
        {failure && <span class="bad" role="alert">{failure.message}; {failure.advice}</span>}
        {runs?.damaged.length ? <span class="bad" title={runs.damaged.map((one) => `${one.message} ${one.path}`).join("\n")}>{runs.damaged.length} damaged</span> : null}
        <button class="quiet" aria-label="Keys" title="Keys (?)" onClick={() => set_help(!help)}>?</button>
        <button class="quiet" aria-label={is_dark ? "Light theme" : "Dark theme"} title="Theme (m)" onClick={() => change({ theme: is_dark ? "light" : "dark" })}>{is_dark ? "☀" : "☾"}</button>
      </header>
      <aside aria-label="runs">
        {projects.length > 1 && (
          <select aria-label="project" value={view.project} onChange={(e) => change({ project: e.currentTarget.value })}>
            <option value="">all projects</option>
            {projects.map((project) => <option key={project}>{project}</option>)}
          </select>
        )}
        <input ref={search} type="search" placeholder="runs: a name, tag or pattern" aria-label="search runs" value={view.runs} onInput={(e) => change({ runs: e.currentTarget.value })} />
        <ul>
          {listed.slice(0, 500).map((run) => (
            <li key={run.id} class={view.page === "run" && view.run === run.id ? "here" : ""}>
              <label>
                <input type="checkbox" checked={visible.includes(run)} onChange={() => toggle(run.id)} aria-label={`show ${run.name}`} />
                <i class="dot" style={{ background: colour(shown.places.get(run.id) ?? 0, is_dark) }} />
              </label>
              <a href={shown.link({ page: "run", run: run.id })} title={`${run.project}/${run.id}`}>{run.name}</a>
              <State run={run} />
            </li>
          ))}
        </ul>
        {listed.length > 500 && <p class="dim">and {listed.length - 500} more: search for them</p>}
        {runs && !listed.length && <p class="dim">No run{view.runs ? " matches" : " yet"}.</p>}
      </aside>
      <main>
        {view.page === "charts" && (
          <form class="tools" onSubmit={(e) => e.preventDefault()}>
            <input type="search" placeholder="metrics: a pattern" aria-label="search metrics" value={view.metrics} onInput={(e) => change({ metrics: e.currentTarget.value })} />
            <select aria-label="x axis" value={view.axis} onChange={(e) => change({ axis: e.currentTarget.value as View["axis"] })}>
              <option value="step">step</option><option value="relative">relative time</option><option value="time">wall time</option>
            </select>
            <label title="Smoothing">
              <select aria-label="smoothing" value={view.smoothing} onChange={(e) => change({ smoothing: e.currentTarget.value as View["smoothing"], weight: 0 })}>
                <option value="time_weighted">time-weighted</option><option value="exponential">exponential (TensorBoard)</option><option value="gaussian">gaussian</option>
              </select>
              <input type="range" aria-label="how much smoothing" min="0" max={view.smoothing === "gaussian" ? 50 : 0.99} step={view.smoothing === "gaussian" ? 1 : 0.01} value={view.weight} onInput={(e) => change({ weight: Number(e.currentTarget.value) })} />
              <output>{view.weight || "off"}</output>
            </label>
            <label><input type="checkbox" checked={view.log_y} onChange={() => change({ log_y: !view.log_y })} /> log y</label>
            <label><input type="checkbox" checked={view.log_x} disabled={view.axis === "time"} onChange={() => change({ log_x: !view.log_x })} /> log x</label>
            <label><input type="checkbox" checked={view.outliers} onChange={() => change({ outliers: !view.outliers })} /> outliers</label>
            <label><input type="checkbox" checked={view.marks} onChange={() => change({ marks: !view.marks })} /> checkpoints</label>
            {view.zoom && <button onClick={() => change({ zoom: null })}>reset zoom</button>}
          </form>
        )}
        {!runs && !failure ? <p class="empty">…</p>
          : runs && !runs.runs.length ? <p class="empty">No run yet. This page shows it as soon as it logs.</p>
          : view.page === "table" ? <Table shown={shown} />
          : view.page === "compare" ? <Compare shown={shown} />
          : view.page === "run" ? <RunPage shown={shown} />
          : <Charts shown={shown} />}
      </main>
      {help && (
        <dialog open aria-label="keys">
          <h2>Keys</h2>
          <dl>
            {[["/", "search runs"], ["c", "charts"], ["t", "table of runs"], ["d", "compare"], ["l", "logarithmic y"], ["x", "next x axis"], ["r", "reset the zoom"], ["m", "light or dark"], ["Esc", "back"]].map(([key, what]) => (
              <><dt><kbd>{key}</kbd></dt><dd>{what}</dd></>
            ))}
          </dl>
          <p class="dim">Drag in a chart to zoom all of them, double-click to see all.</p>
          <button onClick={() => set_help(false)}>Close</button>
        </dialog>
      )}
    </>
  );
}

const inside = document.getElementById("inside")?.textContent;
const source: Source = inside ? new Report(JSON.parse(inside) as Inside) : new Server("");
render(<App source={source} />, document.getElementById("page")!);
