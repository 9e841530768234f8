// The charts of all metrics, in groups by the part of their name before the first "/". A card asks for its
// values when it comes into sight. Layout effects, here: others wait for the next frame, and from the values
// to the curve there would be four of them.
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Chart, fidelity, type Curve, type Look, type Mark, type Over } from "./chart";
import { download, to_csv, to_svg } from "./picture";
import { short } from "./numbers";
import type { Events, Failure, Parameters, Run, Series } from "./source";
import { matches, type View } from "./view";
import type { Shown } from "./app";

/** Made once: it is what makes sorting thousands of names slow. */
export const by_name = new Intl.Collator("en", { numeric: true });

export function metrics_of(runs: Run[]): string[] {
  const all = new Set<string>();
  for (const run of runs)
    for (const [name, metric] of Object.entries(run.metrics)) if (metric.last !== undefined) all.add(name);
  return [...all].sort(by_name.compare);
}
/** What the machine did comes last. */
const system_group = "system";
export const is_system = (metric: string) => metric.startsWith(`${system_group}/`);
export function groups_of(metrics: string[]): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const metric of metrics) {
    const slash = metric.indexOf("/");
    const group = slash > 0 ? metric.slice(0, slash) : "";
    const members = groups.get(group);
    if (members) members.push(metric);
    else groups.set(group, [metric]);
  }
  return [...groups].sort(([a], [b]) => Number(a === system_group) - Number(b === system_group) || by_name.compare(a, b));
}

export function Charts({ shown }: { shown: Shown }) {
  const { view, metrics } = shown;
  if (view.metric && metrics.includes(view.metric))
    return (
      <section class="one">
        <button class="quiet" onClick={() => shown.change({ metric: "" })}>← all charts</button>
        <Slot shown={shown} metric={view.metric} height={460} is_first />
      </section>
    );
  const found = metrics.filter((metric) => matches(view.metrics, metric));
  if (!shown.visible.length) return <p class="empty">No run is shown. Tick one on the left.</p>;
  if (!metrics.length) return <p class="empty">These runs have logged no number yet.</p>;
  if (!found.length) return <p class="empty">No metric matches “{view.metrics}”.</p>;
  let place = 0;
  let room = shown.is_whole ? found.length : 24;
  return (
    <>
      {groups_of(found).map(([group, members]) => {
        const here = members.slice(0, room);
        room -= here.length;
        return (
          <details class="group" open key={group}>
            <summary>
              {group || "metrics"} <span class="dim">{members.length}</span>
            </summary>
            <div class="cards">
              {here.map((metric) => (
                <Slot key={metric} shown={shown} metric={metric} height={220} is_first={place++ < 6} />
              ))}
            </div>
          </details>
        );
      })}
    </>
  );
}

/** More cannot be told apart. */
const most_curves = 100;

const sights = new WeakMap<Element, () => void>();
const watch = new IntersectionObserver(
  (all) => {
    for (const one of all) {
      if (!one.isIntersecting) continue;
      watch.unobserve(one.target);
      sights.get(one.target)?.();
    }
  },
  { rootMargin: "300px" },
);

interface Drawn {
  shown: Shown;
  metric: string;
  height: number;
}

/** The place of a card, which is filled when it comes into sight: there may be thousands. The first ones are in sight
 * before the browser has found out. */
function Slot({ shown, metric, height, is_first }: Drawn & { is_first: boolean }) {
  const place = useRef<HTMLElement>(null);
  const [seen, see] = useState(is_first);
  useLayoutEffect(() => {
    if (seen) return;
    const node = place.current!;
    sights.set(node, () => see(true));
    watch.observe(node);
    return () => watch.unobserve(node);
  }, []);
  return (
    <article class="card" ref={place} data-metric={metric} style={{ minHeight: `${height + 80}px` }}>
      {seen ? <Card shown={shown} metric={metric} height={height} /> : <h3>{metric}</h3>}
    </article>
  );
}

function Card({ shown, metric, height }: Drawn) {
  const { view, source } = shown;
  const host = useRef<HTMLDivElement>(null);
  const [width, widen] = useState(0);
  const [series, set_series] = useState<Series[] | null>(null);
  const [events, set_events] = useState(new Map<string, Events>());
  const [failure, fail] = useState<Failure | null>(null);
  const [at, point] = useState<{ x: number; values: (number | null)[]; near: Mark[] } | null>(null);

  useLayoutEffect(() => {
    const measure = () => widen(Math.floor(host.current?.clientWidth ?? 0));
    const size = new ResizeObserver(measure);
    size.observe(host.current!);
    measure();
    return () => size.disconnect();
  }, []);

  const having = useMemo(() => shown.visible.filter((run) => run.metrics[metric]?.last !== undefined).slice(0, most_curves), [shown.visible, metric]);
  const state = having.map((run) => `${run.key} ${run.seen}`).join(" ");
  const zoom = view.zoom;
  const axis: Over = view.x ? "metric" : view.axis;
  // What the curves are drawn over: as their values were asked for, until others come.
  const [range, set_range] = useState<{ axis: Over; zoom: View["zoom"] }>({ axis, zoom });
  useLayoutEffect(() => {
    if (!width) return;
    let is_old = false;
    const asked = { axis, zoom };
    const late = setTimeout(() => set_range((before) => (before.axis === axis && before.zoom !== zoom ? asked : before)), 150); // a zoom shows at once
    const parameters: Parameters = [["metric", metric], view.x ? ["x", view.x] : ["axis", view.axis], ["buckets", Math.max(100, Math.min(1200, width))]];
    for (const run of having) parameters.push(["run", run.key]);
    if (zoom) {
      const end = (x: number, round: (x: number) => number) => (view.x ? x : view.axis === "step" ? round(x) : round(x * 1e9));
      parameters.push(["from", end(zoom[0], Math.floor)], ["to", end(zoom[1], Math.ceil)]);
    }
    if (view.weight > 0 && !view.x) parameters.push(["smooth", view.smoothing], ["weight", view.weight]);
    // The curves first: the decisions of a long run may take longer to find than it takes to look at it.
    const draw = async () => {
      const { series } = await source.ask("series", parameters);
      if (is_old) return;
      clearTimeout(late), fail(null), set_series(series), set_range(asked);
      const all = await Promise.all(having.map(async (run) => [run.key, await shown.events(run)] as const));
      const count = (its?: Events) => (its ? its.decisions.length + its.alerts.length : 0);
      if (!is_old && all.some(([key, its]) => events.get(key) !== its && count(its) + count(events.get(key)) > 0)) set_events(new Map(all));
    };
    draw().catch((why: Failure) => is_old || fail(why));
    return () => ((is_old = true), clearTimeout(late));
  }, [state, metric, view.axis, view.x, view.smoothing, view.weight, zoom?.[0], zoom?.[1], width > 0]);

  const painted = having.map((run) => shown.colour(run.key)).join(" ");
  const curves = useMemo<Curve[]>(
    () =>
      (series ?? []).flatMap((series) => {
        const run = having.find((one) => one.id === series.run && one.project === series.project);
        if (!run) return [];
        return {
          run: run.key,
          name: run.name,
          colour: shown.colour(run.key),
          series,
          decisions: events.get(run.key)?.decisions ?? [],
          alerts: events.get(run.key)?.alerts ?? [],
          tried: shown.tried.get(run.key)?.would,
        };
      }),
    [series, events, having, painted, shown.tried],
  );
  const axes = { axis: range.axis, log_x: view.log_x && range.axis !== "time", log_y: view.log_y };
  const drawn = useRef<{ chart: Chart; look: Look } | null>(null);
  useLayoutEffect(() => {
    if (!host.current || !width || !curves.length) return;
    const style = getComputedStyle(document.documentElement);
    const look: Look = {
      ...axes,
      outliers: view.outliers,
      marks: view.marks,
      zoom: range.zoom,
      ink: style.getPropertyValue("--dim"),
      grid: style.getPropertyValue("--grid"),
      width,
      height,
    };
    const chart = new Chart(host.current, curves, look, {
      zoom: (range) => shown.change({ zoom: range }),
      point: (x, values, near) => point(x === null ? null : { x, values, near }),
    });
    drawn.current = { chart, look };
    return () => ((drawn.current = null), chart.destroy());
  }, [curves, width, height, range, view.log_x, view.log_y, view.outliers, view.marks]);
  const save = async (kind: "csv" | "png" | "svg") => {
    if (!drawn.current) return;
    const { chart, look } = drawn.current;
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--card");
    if (kind === "csv") download(`${metric}.csv`, to_csv(curves, look), "text/csv");
    else if (kind === "svg") download(`${metric}.svg`, to_svg(metric, curves, look, chart.frame(), ground), "image/svg+xml");
    else {
      const picture = await chart.png(ground);
      if (picture) download(`${metric}.png`, picture);
    }
  };

  const unit = having.map((run) => run.defined[metric]?.unit).find(Boolean);
  const restarts = curves.reduce((sum, curve) => sum + curve.series.restarts, 0);
  const without_x = curves.reduce((sum, curve) => sum + (curve.series.without_x ?? 0), 0);
  const bad = curves.reduce((sum, curve) => sum + (shown.run(curve.run)?.metrics[metric]?.nans ?? 0), 0);
  const damaged = curves.reduce((sum, curve) => sum + (curve.series.damaged ?? 0) + (curve.series.unread ?? 0), 0);
  return (
    <>
      <header>
        <h3 title={metric}>
          {metric}
          {unit && <span class="dim"> {unit}</span>}
        </h3>
        <span class="saves">
          {(["csv", "png", "svg"] as const).map((kind) => (
            <button key={kind} class="quiet" title={`This chart as ${kind.toUpperCase()}`} aria-label={`${metric} as ${kind.toUpperCase()}`} onClick={() => void save(kind)}>
              {kind}
            </button>
          ))}
        </span>
        {!view.metric && (
          <button class="quiet" title="Enlarge" aria-label={`Enlarge ${metric}`} onClick={() => shown.change({ metric })}>
            ⤢
          </button>
        )}
      </header>
      <div class="plot" ref={host} style={{ height: `${height}px` }} />
      <div class="legend">
        {at?.near.length ? (
          at.near.slice(0, 3).map((mark, i) => <span class="mark" key={i}>{mark.kind === "alert" ? "⚑" : "▲"} {mark.text}</span>)
        ) : (
          curves.slice(0, 12).map((curve, i) => (
            <span key={curve.run}>
              <i style={{ background: curve.colour }} />
              {curve.name} <b>{short(at ? (at.values[i] ?? null) : (shown.run(curve.run)?.metrics[metric]?.last ?? null))}</b>
            </span>
          ))
        )}
        {!at?.near.length && curves.length > 12 && <span class="dim">and {curves.length - 12} more</span>}
        {at && !at.near.length && <span class="dim">at {range.axis === "metric" ? `${view.x} ` : ""}{range.axis === "time" ? new Date(at.x * 1000).toLocaleString() : short(at.x)}</span>}
      </div>
      <footer class="dim">
        {failure ? <span class="bad">{failure.message}; {failure.advice}</span> : !series ? "…" : series.length ? fidelity(series, axes) : range.axis === "metric" ? `no row has it with ${view.x}` : "nothing"}
        {having.length === most_curves && ` · the first ${most_curves} runs`}
        {without_x > 0 && ` · ${without_x} before any ${view.x}`}
        {bad > 0 && ` · ${bad} not finite`}
        {restarts > 0 && ` · the step went back ${restarts} times`}
        {damaged > 0 && <span class="bad"> · {damaged} could not be read</span>}
      </footer>
    </>
  );
}
