// SPDX-License-Identifier: Apache-2.0

/// The page at `/`: pools and backends as they stand, renewed every second.
enum Dashboard {
    static let page = """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>Brana</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <style>
        :root { color-scheme: light dark; }
        body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
        h1 { font-size: 1.3rem; margin: 0 0 .2rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
        p { margin: .2rem 0; opacity: .8; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; }
        td.n, th.n { text-align: right; }
        .bar { background: #8883; height: .6rem; width: 9rem; border-radius: 3px; position: relative; }
        .bar i { display: block; height: 100%; border-radius: 3px; background: #3b82c4; }
        .bar b { position: absolute; top: -2px; bottom: -2px; width: 2px; background: currentColor; }
        .up { color: #1a8f4a; } .down, .ejected { color: #c8372d; } .draining, .held, .unknown, .disabled { color: #b7791f; }
        </style></head><body>
        <h1 id="name">Brana</h1><p id="line">connecting</p><main id="pools"></main>
        <script>
        const text = (tag, value, kind) => { const e = document.createElement(tag); e.textContent = value;
          if (kind) e.className = kind; return e; };
        const percent = v => (100 * v).toFixed(1) + " %";
        function row(b) { const r = document.createElement("tr");
          r.append(text("td", b.name), text("td", b.id), text("td", b.priority, "n"), text("td", b.weight, "n"));
          const cell = document.createElement("td"), bar = text("div", "", "bar"), fill = text("i", ""), mark = text("b", "");
          fill.style.width = 100 * b.share + "%"; mark.style.left = 100 * b.expected_share + "%";
          bar.append(fill, mark); cell.append(bar);
          r.append(text("td", percent(b.expected_share), "n"), text("td", percent(b.share), "n"), cell,
            text("td", b.requests, "n"), text("td", b.failures, "n"));
          const health = text("td", b.health, b.health); health.title = b.reason; r.append(health); return r; }
        function show(s) {
          document.getElementById("name").textContent = "Brana " + s.name;
          document.getElementById("line").textContent = `generation ${s.generation} · up ${s.uptime_seconds} s · `
            + `${s.connections} connections · ${s.transactions} transactions · reloads ${s.reloads.succeeded} ok, ${s.reloads.failed} refused`;
          const main = document.getElementById("pools"); main.replaceChildren();
          for (const p of s.pools) { main.append(text("h2", p.name));
            main.append(text("p", `${p.target} · TTL left ${p.ttl_left ?? "–"} s` + (p.is_stale ? " · stale" : "")
              + (p.problem ? " · " + p.problem : "")));
            const t = document.createElement("table"), head = document.createElement("tr");
            for (const h of ["server", "backend", "priority", "weight", "expected", "share", "", "requests", "failures", "health"])
              head.append(text("th", h, ["server", "backend", "", "health"].includes(h) ? "" : "n"));
            t.append(head, ...p.backends.map(row)); main.append(t); } }
        async function tick() { try { show(await (await fetch("/api/v1/status")).json()); }
          catch { document.getElementById("line").textContent = "Brana does not answer"; } setTimeout(tick, 1000); }
        tick();
        </script></body></html>
        """
}
