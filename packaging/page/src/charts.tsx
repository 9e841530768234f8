// The charts of all metrics, in groups by the part of their name before the first "/". A card asks for its
// values when it comes into sight.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Chart, fidelity, type Curve, type Mark } from "./chart";
import { colour } from "./colours";
import { short } from "./numbers";
import type { Decision, Failure, Parameters, Run, Series } from "./source";
import { matches } from "./view";
import type { Shown } from "./app";

export function metrics_of(runs: Run[]): string[] {
  const all = new Set<string>();
  for (const run of runs)
    for (const [name, metric] of Object.entries(run.metrics)) if (metric.last !== undefined) all.add(name);
  return [...all].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}
export function groups_of(metrics: string[]): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const metric of metrics) {
    const slash = metric.indexOf("/");
    const group = slash > 0 ? metric.slice(0, slash) : "";
    groups.set(group, [...(groups.get(group) ?? []), metric]);
  }
  return [...groups].sort(([a], [b]) => a.localeCompare(b));
}

export function Charts({ shown }: { shown: Shown }) {
  const { view } = shown;
  const metrics = useMemo(() => metrics_of(shown.visible), [shown.visible]);
  if (view.metric && metrics.includes(view.metric))
    return (
      <section class="one">
        <button class="quiet" onClick={() => shown.change({ metric: "" })}>← all charts</button>
        <Card shown={shown} metric={view.metric} height={460} />
      </section>
    );
  const found = metrics.filter((metric) => matches(view.metrics, metric));
  if (!shown.visible.length) return <p class="empty">No run is shown. Tick one on the left.</p>;
  if (!metrics.length) return <p class="empty">These runs have logged no number yet.</p>;
  if (!found.length) return <p class="empty">No metric matches “{view.metrics}”.</p>;
  return (
    <>
      {groups_of(found).map(([group, members]) => (
        <details class="group" open key={group}>
          <summary>
            {group || "metrics"} <span class="dim">{members.length}</span>
          </summary>
          <div class="cards">
            {members.map((metric) => (
              <Card key={metric} shown={shown} metric={metric} height={220} />
            ))}
          </div>
        </details>
      ))}
    </>
  );
}

function Card({ shown, metric, height }: { shown: Shown; metric: string; height: number }) {
  const { view, source } = shown;
  const card = useRef<HTMLElement>(null);
  const host = useRef<HTMLDivElement>(null);
  const [seen, see] = useState(false);
  const [width, widen] = useState(0);
  const [answer, set_answer] = useState<{ series: Series[]; decisions: Map<string, Decision[]> } | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const [at, point] = useState<{ x: number; values: (number | null)[]; near: Mark | null } | null>(null);

  useEffect(() => {
    const watch = new IntersectionObserver((all) => all.some((one) => one.isIntersecting) && see(true), { rootMargin: "300px" });
    const size = new ResizeObserver(() => widen(Math.floor(host.current?.clientWidth ?? 0)));
    watch.observe(card.current!);
    size.observe(host.current!);
    return () => (watch.disconnect(), size.disconnect());
  }, []);

  const having = useMemo(() => shown.visible.filter((run) => run.metrics[metric]?.last !== undefined), [shown.visible, metric]);
  const ids = having.map((run) => run.id).join(" ");
  const zoom = view.zoom;
  useEffect(() => {
    if (!seen || !width) return;
    let is_old = false;
    const parameters: Parameters = [["metric", metric], ["axis", view.axis], ["buckets", Math.max(100, Math.min(1200, width))]];
    for (const run of having) parameters.push(["run", run.id]);
    if (zoom) {
      const end = (x: number, round: (x: number) => number) => (view.axis === "step" ? round(x) : round(x * 1e9));
      parameters.push(["from", end(zoom[0], Math.floor)], ["to", end(zoom[1], Math.ceil)]);
    }
    if (view.weight > 0) parameters.push(["smooth", view.smoothing], ["weight", view.weight]);
    const asked = Promise.all([
      source.ask("series", parameters),
      ...having.map((run) => shown.decisions(run.id).then((all) => [run.id, all] as const)),
    ]);
    asked.then(
      ([{ series }, ...decisions]) => {
        if (is_old) return;
        fail(null);
        set_answer({ series, decisions: new Map(decisions) });
      },
      (why: Failure) => is_old || fail(why),
    );
    return () => void (is_old = true);
  }, [seen, ids, metric, view.axis, view.smoothing, view.weight, zoom?.[0], zoom?.[1], width > 0, shown.tick]);

  const curves = useMemo<Curve[]>(
    () =>
      (answer?.series ?? []).flatMap((series) => {
        const run = having.find((one) => one.id === series.run);
        if (!run) return [];
        return {
          run: run.id,
          name: run.name,
          colour: colour(shown.places.get(run.id) ?? 0, shown.is_dark),
          series,
          decisions: answer!.decisions.get(run.id) ?? [],
        };
      }),
    [answer, having, shown.places, shown.is_dark],
  );
  useEffect(() => {
    if (!host.current || !width || !curves.length) return;
    const style = getComputedStyle(document.documentElement);
    const chart = new Chart(
      host.current,
      curves,
      {
        axis: view.axis,
        log_x: view.log_x && view.axis !== "time",
        log_y: view.log_y,
        outliers: view.outliers,
        marks: view.marks,
        zoom,
        ink: style.getPropertyValue("--dim"),
        grid: style.getPropertyValue("--grid"),
        width,
        height,
      },
      {
        zoom: (range) => shown.change({ zoom: range }),
        point: (x, values, near) => point(x === null ? null : { x, values, near }),
      },
    );
    return () => chart.destroy();
  }, [curves, width, height, view.axis, view.log_x, view.log_y, view.outliers, view.marks, zoom?.[0], zoom?.[1]]);

  const unit = having.map((run) => run.defined[metric]?.unit).find(Boolean);
  const restarts = curves.reduce((sum, curve) => sum + curve.series.restarts, 0);
  const bad = curves.reduce((sum, curve) => sum + (shown.run(curve.run)?.metrics[metric]?.nans ?? 0), 0);
  const damaged = curves.reduce((sum, curve) => sum + curve.series.damaged + curve.series.unread, 0);
  return (
    <article class="card" ref={card} data-metric={metric}>
      <header>
        <h3 title={metric}>
          {metric}
          {unit && <span class="dim"> {unit}</span>}
        </h3>
        {!view.metric && (
          <button class="quiet" title="Enlarge" aria-label={`Enlarge ${metric}`} onClick={() => shown.change({ metric })}>
            ⤢
          </button>
        )}
      </header>
      <div class="plot" ref={host} style={{ height: `${height}px` }} />
      <div class="legend">
        {at?.near ? (
          <span class="mark">▲ {at.near.text}</span>
        ) : (
          curves.slice(0, 12).map((curve, i) => (
            <span key={curve.run}>
              <i style={{ background: curve.colour }} />
              {curve.name} <b>{short(at ? (at.values[i] ?? null) : (shown.run(curve.run)?.metrics[metric]?.last ?? null))}</b>
            </span>
          ))
        )}
        {!at?.near && curves.length > 12 && <span class="dim">and {curves.length - 12} more</span>}
        {at && !at.near && <span class="dim">at {view.axis === "time" ? new Date(at.x * 1000).toLocaleString() : short(at.x)}</span>}
      </div>
      <footer class="dim">
        {failure ? <span class="bad">{failure.message}; {failure.advice}</span> : answer ? fidelity(answer.series) : "…"}
        {bad > 0 && ` · ${bad} not finite`}
        {restarts > 0 && ` · the step went back ${restarts} times`}
        {damaged > 0 && <span class="bad"> · {damaged} could not be read</span>}
      </footer>
    </article>
  );
}
