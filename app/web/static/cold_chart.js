/*
 * Draws a zone's temperatures with uPlot: the band of what lies there, air and food, open doors, compressor, thawing.
 * Where nobody measured nothing is drawn. Dragging asks the server for that stretch again, as fine as it can be had.
 */
(() => {
  "use strict";
  const EDGE_S = 60;

  const start = () => {
    for (const place of document.querySelectorAll("[data-chart]")) begin(place);
  };

  const begin = (place) => {
    const words = place.dataset;
    const whole = [Number(words.since), Number(words.until)];
    const back = document.getElementById("chart-back");
    let chart = null;

    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

    const hatch = () => {
      const tile = document.createElement("canvas");
      tile.width = tile.height = 8;
      const pen = tile.getContext("2d");
      pen.strokeStyle = colour("--stone");
      pen.globalAlpha = 0.5;
      pen.beginPath();
      pen.moveTo(0, 8);
      pen.lineTo(8, 0);
      pen.stroke();
      return pen.createPattern(tile, "repeat");
    };

    const behind = (u, found) => {
      const { ctx, bbox } = u;
      const top = u.valToPos(found.band[1], "c", true);
      const low = u.valToPos(found.band[0], "c", true);
      const y = Math.max(bbox.top, Math.min(top, bbox.top + bbox.height));
      const end = Math.max(bbox.top, Math.min(low, bbox.top + bbox.height));
      ctx.save();
      ctx.fillStyle = colour("--leaf-soft");
      ctx.fillRect(bbox.left, y, bbox.width, end - y);
      ctx.fillStyle = hatch();
      found.at.forEach((at, n) => {
        if (found.product_mean[n] !== null) return;
        const x = u.valToPos(at, "x", true);
        const width = u.valToPos(at + found.step_s, "x", true) - x;
        ctx.fillRect(Math.max(x, bbox.left), bbox.top, Math.min(width, bbox.left + bbox.width - x), bbox.height);
      });
      // What happened stands in three lanes at the foot: door, compressor, thawing.
      [["open_s", "--persimmon"], ["cooling_s", "--frost"], ["defrost_s", "--amber"]].forEach(([name, hue], lane) => {
        ctx.fillStyle = colour(hue);
        const height = 6 * devicePixelRatio;
        const at_y = bbox.top + bbox.height - (3 - lane) * (height + devicePixelRatio * 2);
        found[name].forEach((seconds, n) => {
          if (!seconds) return;
          const x = u.valToPos(found.at[n], "x", true);
          const width = Math.max(u.valToPos(found.at[n] + found.step_s, "x", true) - x, devicePixelRatio);
          ctx.globalAlpha = 0.35 + 0.65 * Math.min(seconds / found.step_s, 1);
          ctx.fillRect(x, at_y, width, height);
        });
        ctx.globalAlpha = 1;
      });
      ctx.restore();
    };

    const draw = (found) => {
      const degrees = (u, value) => (value === null || value === undefined ? "–" : `${value.toFixed(1)} °C`);
      const line = (label, hue, more) => ({ label, scale: "c", stroke: colour(hue), width: 2, value: degrees, spanGaps: false, points: { show: false }, ...more });
      const known = [...found.product_min, ...found.product_max, ...found.air_min, ...found.air_max].filter((one) => one !== null);
      const low = Math.min(found.band[0], ...known.slice(0, 1), known.reduce((a, b) => Math.min(a, b), found.band[0]));
      const high = known.reduce((a, b) => Math.max(a, b), found.band[1]);
      const axis = { stroke: colour("--ink2"), grid: { stroke: colour("--hair") }, ticks: { stroke: colour("--hair") } };
      const zone = words.timezone;
      const options = {
        width: place.clientWidth,
        height: Math.max(260, Math.min(420, place.clientWidth * 0.6)),
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
        scales: { c: { range: [low - 1.5 - (high - low) * 0.12, high + 1] }, x: { range: [found.at[0], found.at[found.at.length - 1] + found.step_s] } },
        axes: [axis, { ...axis, scale: "c", size: 56, values: (u, all) => all.map((one) => `${one}°`) }],
        series: [
          { value: (u, at) => (at === null ? "–" : new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "short", timeStyle: "short", timeZone: zone }).format(at * 1000)), label: words.when },
          line(words.air, "--stone", { width: 1, dash: [4, 4] }),
          line(words.least, "--frost", { width: 1 }),
          line(words.food, "--frost", { width: 3 }),
          line(words.most, "--frost", { width: 1 }),
        ],
        bands: [{ series: [4, 2], fill: `${colour("--frost")}33` }],
        cursor: { drag: { x: true, y: false, setScale: false } },
        hooks: {
          drawAxes: [(u) => behind(u, found)],
          setSelect: [(u) => {
            if (u.select.width < 4) return;
            const since = u.posToVal(u.select.left, "x");
            const until = u.posToVal(u.select.left + u.select.width, "x");
            u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            if (until - since >= 10 * EDGE_S) ask(since * 1000, until * 1000);
          }],
        },
      };
      if (chart) chart.destroy();
      chart = new uPlot(options, [found.at, found.air_mean, found.product_min, found.product_mean, found.product_max], place);
      place.dataset.points = String(found.at.length);
      place.dataset.step = String(found.step_s);
    };

    const ask = async (since, until) => {
      place.setAttribute("aria-busy", "true");
      try {
        const query = new URLSearchParams({ since: String(Math.round(since)), until: String(Math.round(until)) });
        const answer = await fetch(`${words.chart}?${query}`, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(String(answer.status));
        draw(await answer.json());
        if (back) back.hidden = since === whole[0] && until === whole[1];
      } catch {
        const status = document.getElementById("status");
        if (status) status.textContent = status.dataset.offline;
      } finally {
        place.removeAttribute("aria-busy");
      }
    };

    back?.addEventListener("click", () => ask(...whole));
    let waiting = 0;
    new ResizeObserver(() => {
      clearTimeout(waiting);
      waiting = setTimeout(() => chart?.setSize({ width: place.clientWidth, height: chart.height }), 120);
    }).observe(place);
    ask(...whole);
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
