// The pages beside the charts and the table: how runs differ, what they saved, one run.
import { useEffect, useMemo, useState } from "preact/hooks";
import { is_system } from "./charts";
import { bytes, duration, short, time } from "./numbers";
import { MediaCards } from "./media";
import { Paint } from "./paint";
import { key_of, type Alert, type Decision, type Failure, type Parameters, type Run, type RunDetails, type Version } from "./source";
import type { Shown } from "./app";

/** {"optimizer": {"lr": 1}} as "optimizer.lr". */
export function flat(object: Record<string, unknown>, prefix = ""): [string, unknown][] {
  return Object.entries(object).flatMap(([key, value]) => {
    const name = prefix ? `${prefix}.${key}` : key;
    const is_object = typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
    return is_object ? flat(value as Record<string, unknown>, name) : [[name, value] as [string, unknown]];
  });
}
export const cell = (value: unknown): string => (typeof value === "object" && value !== null ? JSON.stringify(value) : short(value));

export const lasted = (run: Run): number | null => {
  const end = run.ended_ms ?? (run.state === "running" ? Date.now() : null);
  return end === null || run.started_ms === null ? null : end - run.started_ms;
};

export function Compare({ shown }: { shown: Shown }) {
  const [only, set_only] = useState(true);
  const runs = shown.visible.slice(0, 50);
  const rows = useMemo(() => {
    const all = new Map<string, Map<string, unknown>>();
    const put = (key: string, run: Run, value: unknown) => all.set(key, (all.get(key) ?? new Map()).set(run.key, value));
    for (const run of runs) {
      for (const [key, value] of flat(run.config)) put(`config.${key}`, run, value);
      for (const [key, metric] of Object.entries(run.metrics)) if (!is_system(key)) put(key, run, metric.last ?? metric.text);
    }
    return [...all].map(([key, values]) => ({
      key,
      values: runs.map((run) => values.get(run.key)),
      differs: new Set(runs.map((run) => JSON.stringify(values.get(run.key)))).size > 1,
    }));
  }, [shown.visible]);
  if (runs.length < 2) return <p class="empty">Show two runs or more to compare them.</p>;
  return (
    <div class="wide">
      <label><input type="checkbox" checked={only} onChange={() => set_only(!only)} /> only what differs</label>
      <table>
        <thead>
          <tr>
            <th>key</th>
            {runs.map((run) => (
              <th key={run.key}>{run.name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.filter((row) => row.differs || !only).map((row) => (
            <tr key={row.key} class={row.differs ? "differs" : ""}>
              <th scope="row">{row.key}</th>
              {row.values.map((value, i) => (
                <td key={runs[i]!.key}>{value === undefined ? "" : cell(value)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Every version that the store has: what made it, what used it, how to get it. */
export function Artifacts({ shown }: { shown: Shown }) {
  const [versions, set_versions] = useState<Version[] | null>(null);
  const [failure, fail] = useState<Failure | null>(null);
  const state = shown.listed.map((run) => run.seen).join(" ");
  useEffect(() => {
    let is_old = false;
    shown.source.ask("artifacts", []).then((answer) => is_old || set_versions(answer.versions), (why: Failure) => is_old || fail(why));
    return () => void (is_old = true);
  }, [state]);
  const all = useMemo(() => {
    const by_name = new Map<string, Version[]>();
    for (const version of versions ?? []) {
      if (shown.view.project && version.project !== shown.view.project) continue;
      const name = `${version.project}/${version.artifact}`;
      by_name.set(name, [...(by_name.get(name) ?? []), version]);
    }
    return [...by_name].map(([name, its]) => [name, its.reverse()] as const);
  }, [versions, shown.view.project]);
  if (failure) return <p class="empty bad">{failure.message}; {failure.advice}</p>;
  if (!versions) return <p class="empty">…</p>;
  if (!all.length) return <p class="empty">Nothing was saved yet.</p>;
  const run = (id: string, project: string) => {
    const known = shown.run(key_of(project, id));
    return known ? <a href={shown.link({ page: "run", run: known.key })}>{known.name}</a> : id;
  };
  return (
    <>
      {all.map(([name, its]) => (
        <Part key={name} title={`${name} · ${its[0]!.type} · ${its.length} version${its.length > 1 ? "s" : ""} · ${bytes(its.reduce((sum, one) => sum + one.bytes, 0))}`}>
          {its[0]!.description && <p>{its[0]!.description}</p>}
          <table>
            <thead><tr><th>version</th><th>aliases</th><th>made by</th><th>step</th><th>saved</th><th>size</th><th>used by</th><th>metrics</th><th>to get it</th></tr></thead>
            <tbody>
              {its.slice(0, 200).map((v) => (
                <tr key={v.version}>
                  <th scope="row">{v.version}</th>
                  <td>{v.aliases.map((alias) => <span class="tag" key={alias}>{alias}</span>)}</td>
                  <td>{run(v.run, v.project)}</td><td class="number">{v.step ?? ""}</td><td>{time(v.created_ms)}</td><td class="number">{bytes(v.bytes)}</td>
                  <td>{(v.used_by ?? []).map((id, i) => <span key={id}>{i > 0 && ", "}{run(id, v.project)}</span>)}</td>
                  <td>{Object.entries(v.metrics).slice(0, 3).map(([metric, value]) => `${metric} ${short(value)}`).join("  ")}</td>
                  <td><code>cairn artifact get {v.project}/{v.artifact}:{v.version}</code></td>
                </tr>
              ))}
            </tbody>
          </table>
          {its.length > 200 && <p class="dim">and {its.length - 200} older ones: cairn artifact ls</p>}
        </Part>
      ))}
    </>
  );
}

export function State({ run }: { run: Run }) {
  return (
    <span class={`state ${run.state}`} title={run.why}>
      {run.state}
    </span>
  );
}

export function RunPage({ shown }: { shown: Shown }) {
  const known = shown.run(shown.view.run);
  const key = known?.key ?? shown.view.run;
  const [details, set_details] = useState<RunDetails | null>(null);
  const [decisions, set_decisions] = useState<Decision[]>([]);
  const [alerts, set_alerts] = useState<Alert[]>([]);
  const [lines, set_lines] = useState<string[]>([]);
  const [failure, fail] = useState<Failure | null>(null);
  useEffect(() => {
    let is_old = false;
    const of: Parameters = [["run", key]];
    const all = [shown.source.ask("run", of), known ? shown.events(known) : { decisions: [], alerts: [] }, shown.source.ask("lines", [...of, ["most", 1000]])] as const;
    Promise.all(all).then(
      ([run, what, printed]) => {
        if (is_old) return;
        fail(null), set_details({ ...run, key: key_of(run.project, run.id) }), set_decisions(what.decisions), set_alerts(what.alerts), set_lines(printed.lines);
      },
      (why: Failure) => is_old || fail(why),
    );
    return () => void (is_old = true);
  }, [key, known?.seen]);
  if (failure) return <p class="empty bad">{failure.message}; {failure.advice}</p>;
  if (!details) return <p class="empty">…</p>;
  const run = details;
  return (
    <div class="run">
      <h2>
        <Paint shown={shown} run={run} /> {run.name} <State run={run} />
      </h2>
      {run.why && <p class="bad">{run.why}</p>}
      {shown.source.writable && <Edit key={run.key} shown={shown} run={run} />}
      <dl>
        <dt>id</dt><dd>{run.key}</dd>
        <dt>created</dt><dd>{time(run.created_ms)}</dd>
        <dt>lasted</dt><dd>{lasted(run) === null ? "–" : duration(lasted(run)!)}</dd>
        {run.tags.length > 0 && <><dt>tags</dt><dd>{run.tags.map((tag) => <span class="tag" key={tag}>{tag}</span>)}</dd></>}
        {run.group && <><dt>group</dt><dd>{run.group}</dd></>}
        {run.notes && <><dt>notes</dt><dd class="text">{run.notes}</dd></>}
        <dt>folder</dt><dd>{run.dir}</dd>
        <Where run={run} />
      </dl>
      {alerts.length > 0 && (
        <Part title="Alerts">
          <ul class="alerts">
            {alerts.map((alert, i) => (
              <li key={i}><b class={alert.level === "info" ? "" : "bad"}>{alert.title}</b> {alert.text} <span class="dim">{alert.level}, step {alert.step}, {time(alert.time_ms)}</span></li>
            ))}
          </ul>
        </Part>
      )}
      {run.last_rows && (
        <Part title="Last rows">
          <pre>{run.last_rows.map((row) => `step ${row.step}  ${Object.entries(row.row).map(([name, value]) => `${name}=${short(value)}`).join("  ")}`).join("\n")}</pre>
        </Part>
      )}
      <Part title="Config">
        <Pairs pairs={flat(run.config)} />
      </Part>
      {Object.keys(run.summary).length > 0 && <Part title="Summary"><Pairs pairs={flat(run.summary)} /></Part>}
      <Part title="Metrics">
        <table>
          <thead><tr><th>metric</th><th>last</th><th>least</th><th>at step</th><th>greatest</th><th>at step</th><th>mean</th><th>values</th><th>NaN</th></tr></thead>
          <tbody>
            {Object.entries(run.metrics).map(([name, m]) => (
              <tr key={name}>
                <th scope="row"><a href={shown.link({ page: "charts", metric: name })}>{name}</a></th>
                <td class="number">{m.text ?? short(m.last)}</td><td class="number">{short(m.min)}</td><td class="number">{short(m.min_step)}</td>
                <td class="number">{short(m.max)}</td><td class="number">{short(m.max_step)}</td><td class="number">{short(m.mean)}</td>
                <td class="number">{m.count}</td><td class="number">{m.nans ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Part>
      <MediaCards source={shown.source} run={key} seen={known?.seen ?? 0} />
      <Part title="Versions">
        {run.versions.length === 0 ? <p class="dim">It saved none.</p> : (
          <table>
            <thead><tr><th>version</th><th>step</th><th>saved</th><th>size</th><th>aliases</th><th>sha-256</th><th>to get it</th></tr></thead>
            <tbody>
              {run.versions.map((v) => (
                <tr key={`${v.artifact}:${v.version}`}>
                  <th scope="row">{v.artifact}:{v.version}</th><td class="number">{v.step ?? ""}</td><td>{time(v.created_ms)}</td><td class="number">{bytes(v.bytes)}</td>
                  <td>{v.aliases.map((alias) => <span class="tag" key={alias}>{alias}</span>)}</td>
                  <td><code title={v.files[0]?.sha256}>{v.files[0]?.sha256?.slice(0, 12)}</code></td>
                  <td><code>cairn artifact get {run.project}/{v.artifact}:{v.version}</code></td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Part>
      <Part title="Decisions">
        {decisions.length === 0 ? <p class="dim">No checkpoint decided anything.</p> : (
          <ol class="decisions" tabIndex={0}>
            {decisions.slice(-500).map((d, i) => (
              <li key={i} class={d.kind}>
                <span class="number">{d.step}</span> <b>{d.kind === "opened" ? `${d.checkpoint}: ${d.text}, keeps ${d.retention}` : `${d.kind}${d.version ? ` ${d.checkpoint}:${d.version}` : ""}`}</b>{" "}
                <span class="dim">{d.because.map((b) => `${b.policy}: ${b.reason}`).join("; ") || (d.kind === "removed" ? `not wanted by ${d.retention}` : d.kind === "opened" ? "" : d.text)}</span>
              </li>
            ))}
          </ol>
        )}
      </Part>
      {lines.length > 0 && <Part title={`Output, the last ${lines.length} lines`}><pre class="console" tabIndex={0}>{lines.join("\n")}</pre></Part>}
    </div>
  );
}

/** What people may change of a run. */
function Edit({ shown, run }: { shown: Shown; run: Run }) {
  const [failure, fail] = useState<Failure | null>(null);
  const edit = (parameters: Parameters) => shown.source.edit([["run", run.key], ...parameters]).then(() => fail(null), fail);
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? "");
    const tags = text("tags").split(",").map((tag) => tag.trim());
    void edit([["name", text("name")], ["notes", text("notes")], ...tags.map((tag): [string, string] => ["tag", tag])]);
  };
  return (
    <details class="edit">
      <summary class="dim">Edit</summary>
      <form onSubmit={save}>
        <label>name <input name="name" defaultValue={run.name} /></label>
        <label>tags <input name="tags" defaultValue={run.tags.join(", ")} placeholder="a, b" /></label>
        <label>notes <textarea name="notes" rows={3} defaultValue={run.notes} /></label>
        <p>
          <button type="submit">Save</button>{" "}
          <button type="button" onClick={() => void edit([["deleted", String(!run.deleted)]])}>{run.deleted ? "Restore" : "Delete"}</button>
          {!run.deleted && <span class="dim"> It is only put away: nothing on disk is removed.</span>}
        </p>
        {failure && <p class="bad" role="alert">{failure.message}; {failure.advice}</p>}
      </form>
    </details>
  );
}

/** Machine, command and commit. */
function Where({ run }: { run: RunDetails }) {
  const { command, host, os, processor, processors, memory, compiler, flags, git } = run.environment ?? {};
  return (
    <>
      {command && command.length > 0 && <><dt>command</dt><dd><code>{command.join(" ")}</code></dd></>}
      {host && <><dt>machine</dt><dd>{[host, os, processors && `${processors} × ${processor ?? "processors"}`, memory && bytes(memory)].filter(Boolean).join(", ")}</dd></>}
      {compiler && <><dt>compiler</dt><dd>{compiler} {flags}</dd></>}
      {git?.commit && <><dt>commit</dt><dd><code>{git.commit.slice(0, 12)}</code> {git.branch}{git.dirty && ", changed since"}</dd></>}
    </>
  );
}

function Part({ title, children }: { title: string; children: preact.ComponentChildren }) {
  return (
    <details open class="part">
      <summary>{title}</summary>
      <div class="wide">{children}</div>
    </details>
  );
}
function Pairs({ pairs }: { pairs: [string, unknown][] }) {
  if (!pairs.length) return <p class="dim">Nothing.</p>;
  return (
    <table>
      <tbody>
        {pairs.map(([key, value]) => (
          <tr key={key}><th scope="row">{key}</th><td>{cell(value)}</td></tr>
        ))}
      </tbody>
    </table>
  );
}
