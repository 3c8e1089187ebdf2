/*
 * Draws a number day by day with uPlot: a bar a day, red beyond its limit, hatched where nothing was measured.
 */
(() => {
  "use strict";

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const begin = (place) => {
    const words = place.dataset;
    const days = words.days.split(",").map((each) => each.split("="));
    const at = days.map(([day]) => Date.parse(`${day}T00:00:00Z`) / 1000);
    const values = days.map(([, value]) => (value === "" ? null : Number(value)));
    const limit = words.limit === undefined ? null : Number(words.limit);
    const wrong = (value) => limit !== null && (words.alarm === "above" ? value > limit : value < limit);
    const fine = values.map((value) => (value === null || wrong(value) ? null : value));
    const alarm = values.map((value) => (value !== null && wrong(value) ? value : null));
    const known = values.filter((value) => value !== null);
    const low = Math.min(0, ...known);
    const high = Math.max(limit === null ? 0 : limit, ...known, low + 1);
    const day = new Intl.DateTimeFormat(document.documentElement.lang, { month: "numeric", day: "numeric", timeZone: "UTC" });
    const axis = { stroke: colour("--ink2"), grid: { stroke: colour("--hair") }, ticks: { stroke: colour("--hair") } };
    const say = (u, value) => (value === null || value === undefined ? "–" : `${value.toFixed(Number(words.digits))} ${words.unit}`);
    const bars = (hue) => ({ label: words.name, scale: "v", fill: colour(hue), stroke: colour(hue), width: 1, points: { show: false }, paths: uPlot.paths.bars({ size: [0.7, 48] }), value: say });

    const behind = (u) => {
      const { ctx, bbox } = u;
      const width = bbox.width / at.length;
      ctx.save();
      ctx.strokeStyle = colour("--stone");
      ctx.globalAlpha = 0.45;
      values.forEach((value, n) => {
        if (value !== null) return;
        const middle = u.valToPos(at[n], "x", true);
        ctx.save();
        ctx.beginPath();
        ctx.rect(middle - width * 0.35, bbox.top, width * 0.7, bbox.height);
        ctx.clip();
        ctx.beginPath();
        for (let x = middle - width - bbox.height; x < middle + width; x += 9 * devicePixelRatio) {
          ctx.moveTo(x, bbox.top + bbox.height);
          ctx.lineTo(x + bbox.height, bbox.top);
        }
        ctx.stroke();
        ctx.restore();
      });
      if (limit !== null) {
        const y = u.valToPos(limit, "v", true);
        ctx.globalAlpha = 1;
        ctx.strokeStyle = colour("--tomato");
        ctx.lineWidth = 2 * devicePixelRatio;
        ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
      ctx.restore();
    };

    const options = {
      width: place.clientWidth,
      height: Math.max(240, Math.min(360, place.clientWidth * 0.5)),
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { v: { range: [low, high + (high - low) * 0.1] }, x: { range: [at[0] - 43200, at[at.length - 1] + 43200] } },
      axes: [{ ...axis, values: (u, all) => all.map((one) => day.format(one * 1000)) }, { ...axis, scale: "v", size: 56 }],
      series: [{ label: words.when, value: (u, one) => (one === null ? "–" : day.format(one * 1000)) }, bars("--frost"), bars("--tomato")],
      legend: { show: false },
      cursor: { drag: { x: false, y: false } },
      hooks: { drawAxes: [behind] },
    };
    const chart = new uPlot(options, [at, fine, alarm], place);
    place.dataset.points = String(known.length);
    let waiting = 0;
    new ResizeObserver(() => {
      clearTimeout(waiting);
      waiting = setTimeout(() => chart.setSize({ width: place.clientWidth, height: chart.height }), 120);
    }).observe(place);
  };

  const start = () => document.querySelectorAll("[data-days]").forEach(begin);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
