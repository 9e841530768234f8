// The page: a bar, the runs on the left, and what is looked at.
import { render } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Charts, metrics_of, is_system } from "./charts";
import { colour, places } from "./colours";
import { Artifacts, Compare, RunPage, State } from "./pages";
import { Paint, Palette, type Painting } from "./paint";
import { Pin, Table } from "./table";
import { Tried, use_tried, type Trials } from "./tried";
import { Report, Server, type Events, type Failure, type Inside, type Run, type Runs, type Source } from "./source";
import { from_address, is_among, matches, to_address, type View } from "./view";

/** What all parts of the page see. */
export interface Shown {
  source: Source;
  view: View;
  is_dark: boolean;
  /** Of the run with this key. */
  colour: (key: string) => string;
  /** Lets the user choose it; null: no longer. */
  paint: (what: Painting | null) => void;
  /** Those of the project that match what is searched for: the pinned, then the others, newest first. */
  listed: Run[];
  /** Those of them that are not hidden. */
  visible: Run[];
  /** Those of the visible runs. */
  metrics: string[];
  /** What is out of sight is on the page too. */
  is_whole: boolean;
  /** What a policy that is tried would have saved, by run. */
  tried: Trials;
  /** By its key; an address may also have its id alone. */
  run: (name: string) => Run | undefined;
  events: (run: Run) => Promise<Events>;
  is_pinned: (run: Run) => boolean;
  /** Pins it, or no longer. */
  pin: (run: Run) => void;
  change: (part: Partial<View>) => void;
  link: (part: Partial<View>) => string;
}

function App({ source }: { source: Source }) {
  const [view, set_view] = useState<View>(() => from_address(location.hash.slice(1)));
  const [runs, set_runs] = useState<Runs | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const [help, set_help] = useState(false);
  const [painting, set_painting] = useState<Painting | null>(null);
  const search = useRef<HTMLInputElement>(null);

  const change = useCallback((part: Partial<View>) => {
    // A range of one axis means nothing on another.
    set_view((before) => ({ ...before, ...((part.axis ?? before.axis) !== before.axis || (part.x ?? before.x) !== before.x ? { zoom: null } : {}), ...part }));
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

  useLayoutEffect(() => source.follow((answer) => (fail(null), set_runs(answer)), fail), [source]);
  // At first there is as much as is in sight: the first charts are drawn while the rest is not there yet.
  const [is_whole, complete] = useState(!source.live);
  useEffect(() => {
    if (!runs) return;
    const late = setTimeout(() => complete(true), 300);
    return () => clearTimeout(late);
  }, [runs !== null]);
  const most = is_whole ? 500 : 50; // runs in the list
  // A run of very many metrics comes without most of them; those that are looked at are asked for.
  const [more, set_more] = useState(new Map<string, { seen: number; metrics: Run["metrics"] }>());

  const [system_dark, set_system_dark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const hear = () => set_system_dark(query.matches);
    query.addEventListener("change", hear);
    return () => query.removeEventListener("change", hear);
  }, []);
  const is_dark = view.theme === "dark" || (view.theme === "auto" && system_dark);
  document.documentElement.dataset.theme = is_dark ? "dark" : "light";

  const all = useMemo(
    () =>
      [...(runs?.runs ?? [])]
        .sort((a, b) => (b.created_ms ?? 0) - (a.created_ms ?? 0))
        .map((run) => (more.has(run.key) ? { ...run, metrics: more.get(run.key)!.metrics } : run)),
    [runs, more],
  );
  const decided = useRef(new Map<string, { seen: number; events: Promise<Events>; is_open: boolean }>());
  const events = ({ key, seen = 0 }: Run) => {
    const known = decided.current.get(key);
    if (known?.seen === seen || known?.is_open) return known.events; // it may take long, and change meanwhile
    const asked = source.ask("decisions", [["run", key]]);
    const asking = { seen, events: asked, is_open: true };
    decided.current.set(key, asking);
    void asked.catch(() => decided.current.delete(key)).finally(() => (asking.is_open = false));
    return asked;
  };
  const projects = useMemo(() => [...new Set(all.map((run) => run.project))].sort(), [runs]);
  const pinned = useMemo(() => new Set(view.pinned), [view.pinned]);
  const is_pinned = useCallback((run: Run) => is_among(pinned, run), [pinned]);
  const found = useMemo(
    () => all.filter((run) => (run.deleted ?? false) === view.deleted && (!view.project || run.project === view.project) && matches(view.runs, `${run.name} ${run.id} ${run.tags.join(" ")} ${run.group}`)),
    [all, view.project, view.runs, view.deleted],
  );
  const listed = useMemo(() => (pinned.size ? [...found.filter(is_pinned), ...found.filter((run) => !is_pinned(run))] : found), [found, is_pinned]);
  const hidden = useMemo(() => new Set(view.hidden), [view.hidden]);
  const visible = useMemo(() => listed.filter((run, i) => (view.hidden.length ? !is_among(hidden, run) : i < 10)), [listed, hidden]);
  useEffect(() => {
    const timers: ReturnType<typeof setTimeout>[] = [];
    for (const run of visible.slice(0, 20)) {
      const seen = run.seen ?? 0;
      if (!run.metrics_left_out || more.get(run.key)?.seen === seen) continue;
      const ask = () => source.ask("metrics", [["run", run.key]]).then((metrics) => set_more((before) => new Map(before).set(run.key, { seen, metrics })), fail);
      timers.push(setTimeout(ask, more.has(run.key) ? 0 : 200)); // the charts in sight first
    }
    return () => timers.forEach(clearTimeout);
  }, [visible]);
  const metrics = useMemo(() => metrics_of(visible), [visible]);
  const tried = use_tried(source, view, visible);
  const place = useMemo(() => places(all.map((run) => run.key)), [runs]);
  const shown: Shown = {
    source, view, is_dark, listed, visible, metrics, is_whole, tried, events, is_pinned, change,
    paint: set_painting,
    colour: (key) => colour(view.colours[key] ?? place.get(key) ?? 0, is_dark),
    run: (name) => all.find((run) => run.key === name) ?? all.find((run) => run.id === name),
    pin: (run) => change({ pinned: is_pinned(run) ? view.pinned.filter((name) => name !== run.key && name !== run.id) : [...view.pinned, run.key] }),
    link: (part) => `#${to_address({ ...view, ...part })}`,
  };
  const toggle = (key: string) => {
    const now = new Set(visible.map((run) => run.key));
    if (!now.delete(key)) now.add(key);
    const out = listed.filter((run) => !now.has(run.key)).map((run) => run.key);
    change({ hidden: out.length ? out : ["-"] });
  };

  useEffect(() => {
    const keys: Record<string, () => void> = {
      "/": () => search.current?.focus(),
      c: () => change({ page: "charts", metric: "" }),
      t: () => change({ page: "table" }),
      d: () => change({ page: "compare" }),
      a: () => change({ page: "artifacts" }),
      l: () => change({ log_y: !view.log_y }),
      x: () => change({ x: "", axis: view.axis === "step" ? "relative" : view.axis === "relative" ? "time" : "step" }),
      r: () => change({ zoom: null }),
      m: () => change({ theme: is_dark ? "light" : "dark" }),
      "?": () => set_help(!help),
      Escape: () => (help ? set_help(false) : change({ metric: "", zoom: null })),
    };
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea, [popover]")) return;
      const act = keys[event.key];
      if (act) event.preventDefault(), act();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [view, is_dark, help]);

  const here = view.page === "run" ? shown.run(view.run) : undefined;
  const tab = (page: View["page"], title: string) => (
    <a href={shown.link({ page, metric: "" })} aria-current={view.page === page ? "page" : undefined}>{title}</a>
  );
  return (
    <>
      <header class="bar">
        <a class="name" href={shown.link({ page: "charts", metric: "" })}>cairn</a>
        <nav aria-label="pages">{tab("charts", "Charts")}{tab("table", "Runs")}{tab("compare", "Compare")}{tab("artifacts", "Artifacts")}</nav>
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
        <input ref={search} type="search" placeholder="name, tag or pattern" aria-label="search runs" value={view.runs} onInput={(e) => change({ runs: e.currentTarget.value })} />
        <ul>
          {listed.slice(0, most).map((run) => (
            <li key={run.key} class={run === here ? "here" : ""}>
              <label>
                <input type="checkbox" checked={visible.includes(run)} onChange={() => toggle(run.key)} aria-label={`show ${run.name}`} />
              </label>
              <Paint shown={shown} run={run} />
              <a href={shown.link({ page: "run", run: run.key })} title={run.key}>{run.name}</a>
              <State run={run} />
              <Pin shown={shown} run={run} />
            </li>
          ))}
        </ul>
        {listed.length > most && <p class="dim">and {listed.length - most} more: search for them</p>}
        {(view.deleted || all.some((run) => run.deleted)) && (
          <p><label class="dim"><input type="checkbox" checked={view.deleted} onChange={() => change({ deleted: !view.deleted })} /> deleted runs ({all.filter((run) => run.deleted).length})</label></p>
        )}
        {runs && !listed.length && <p class="dim">No run{view.runs ? " matches" : " yet"}.</p>}
      </aside>
      <main>
        {view.page === "charts" && (
          <form class="tools" onSubmit={(e) => e.preventDefault()}>
            <input type="search" placeholder="metrics: a pattern" aria-label="search metrics" value={view.metrics} onInput={(e) => change({ metrics: e.currentTarget.value })} />
            <select aria-label="x axis" value={view.x ? `metric ${view.x}` : view.axis} onChange={(e) => {
              const chosen = e.currentTarget.value;
              change(chosen.startsWith("metric ") ? { x: chosen.slice(7) } : { x: "", axis: chosen as View["axis"] });
            }}>
              <option value="step">step</option><option value="relative">relative time</option><option value="time">wall time</option>
              {source.live && (
                <optgroup label="over a metric">
                  {[...new Set([...(view.x ? [view.x] : []), ...metrics.filter((metric) => !is_system(metric)).slice(0, is_whole ? 200 : 1)])].map((metric) => <option key={metric} value={`metric ${metric}`}>{metric}</option>)}
                </optgroup>
              )}
            </select>
            <label title={view.x ? "Not over a metric" : "Smoothing"}>
              <select aria-label="smoothing" disabled={view.x !== ""} value={view.smoothing} onChange={(e) => change({ smoothing: e.currentTarget.value as View["smoothing"], weight: 0 })}>
                <option value="time_weighted">time-weighted</option><option value="exponential">exponential (TensorBoard)</option><option value="gaussian">gaussian</option>
              </select>
              <input type="range" aria-label="how much smoothing" min="0" max={view.smoothing === "gaussian" ? 50 : 0.99} step={view.smoothing === "gaussian" ? 1 : 0.01} value={view.weight} onInput={(e) => change({ weight: Number(e.currentTarget.value) })} />
              <output>{view.weight || "off"}</output>
            </label>
            <label><input type="checkbox" checked={view.log_y} onChange={() => change({ log_y: !view.log_y })} /> log y</label>
            <label><input type="checkbox" checked={view.log_x} disabled={view.axis === "time" && !view.x} onChange={() => change({ log_x: !view.log_x })} /> log x</label>
            <label><input type="checkbox" checked={view.outliers} onChange={() => change({ outliers: !view.outliers })} /> outliers</label>
            <label><input type="checkbox" checked={view.marks} onChange={() => change({ marks: !view.marks })} /> checkpoints</label>
            {view.zoom && <button onClick={() => change({ zoom: null })}>reset zoom</button>}
          </form>
        )}
        {view.page === "charts" && source.live && <Tried shown={shown} />}
        {!runs && !failure ? <p class="empty">…</p>
          : runs && !runs.runs.length ? <p class="empty">No run yet. This page shows it as soon as it logs.</p>
          : view.page === "table" ? <Table shown={shown} />
          : view.page === "compare" ? <Compare shown={shown} />
          : view.page === "artifacts" ? <Artifacts shown={shown} />
          : view.page === "run" ? <RunPage shown={shown} />
          : <Charts shown={shown} />}
      </main>
      <Palette shown={shown} painting={painting} />
      {help && (
        <dialog open aria-label="keys">
          <h2>Keys</h2>
          <dl>
            {[["/", "search runs"], ["c", "charts"], ["t", "table of runs"], ["d", "compare"], ["a", "artifacts"], ["l", "logarithmic y"], ["x", "next x axis"], ["r", "reset the zoom"], ["m", "light or dark"], ["Esc", "back"]].map(([key, what]) => (
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

// The token is a cookie by now: the address can be shown to anybody.
if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", location.pathname + location.hash);
const inside = document.getElementById("inside")?.textContent;
const source: Source = inside ? new Report(JSON.parse(inside) as Inside) : new Server("");
render(<App source={source} />, document.getElementById("page")!);
