// Draws every chart of the page and draws it again when the reader's colour scheme changes.
(() => {
  "use strict";

  const scaled = (value, steps) => {
    const [factor, unit] = steps.find(([least]) => Math.abs(value) >= least) ?? steps[steps.length - 1];
    return Number((value / factor).toPrecision(4)) + unit;
  };

  const escaped = (text) =>
    String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

  // Strings in an option that stand for functions; an array's last number is the value shown.
  const shown = (value) => (Array.isArray(value) ? value[value.length - 1] : value);
  const formatter = (format) => (value) => {
    const v = shown(value);
    return v === null || v === undefined || v === "-" ? "–" : format(Number(v));
  };
  const functions = {
    "format:bytes": formatter((v) => scaled(v, [[1e9, " GB"], [1e6, " MB"], [1e3, " kB"], [1, " B"]])),
    "format:seconds": formatter((v) => scaled(v, [[1, " s"], [1e-3, " ms"], [1e-6, " µs"]])),
    "format:number": formatter((v) =>
      Math.abs(v) >= 1e6 ? scaled(v, [[1e9, " G"], [1e6, " M"]]) : v.toLocaleString("en", { maximumSignificantDigits: 4 }),
    ),
    "format:percent": formatter((v) => scaled(100 * v, [[1, " %"]])),
    // Shares end at 1 where they come near it: an axis of its own choice might go on to 102 %.
    "limit:percent": ({ max }) => (max > 0.9 ? 1 : null),
    "format:first": (name) => String(name).split(" ")[0],
    "format:name": (item) =>
      escaped(item.name)
        .split("\n")
        .map((line, i) => (i === 0 ? "<b>" + line + "</b>" : line))
        .join("<br>"),
    "render:boxes": (params, api) => {
      const [x0, y0] = api.coord([api.value(0), api.value(2)]);
      const [x1, y1] = api.coord([api.value(1), api.value(3)]);
      const { x, y, width, height } = params.coordSys;
      const left = Math.max(x0, x);
      const right = Math.min(x1, x + width);
      const top = Math.max(y1, y);
      const bottom = Math.min(y0, y + height);
      if (right <= left || bottom <= top) {
        return null;
      }
      const gap = bottom - top > 3 ? 0.5 : 0;
      return {
        type: "rect",
        shape: { x: left, y: top, width: Math.max(1, right - left), height: Math.max(0.5, bottom - top - gap) },
        style: { fill: api.visual("color") },
        emphasis: { style: { stroke: css("--text"), lineWidth: 1.5 } },
      };
    },
  };

  const resolved = (value) => {
    if (typeof value === "string") {
      if (value.startsWith("var(--")) {
        return css(value.slice(4, -1));
      }
      return value.startsWith("palette:") ? palette()[Number(value.slice(8))] : (functions[value] ?? value);
    }
    if (Array.isArray(value)) {
      return value.map(resolved);
    }
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolved(v)]));
    }
    return value;
  };

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const palette = () => css("--series").split(" ");

  const theme = () => {
    const axis = {
      axisLine: { lineStyle: { color: css("--line") } },
      axisTick: { lineStyle: { color: css("--line") } },
      axisLabel: { color: css("--muted"), hideOverlap: true },
      nameTextStyle: { color: css("--muted") },
      splitLine: { lineStyle: { color: css("--line") } },
      splitArea: { areaStyle: { color: ["transparent"] } },
    };
    return {
      color: palette(),
      backgroundColor: "transparent",
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: css("--text") },
      legend: {
        textStyle: { color: css("--text") },
        inactiveColor: css("--line"),
        pageTextStyle: { color: css("--muted") },
        pageIconColor: css("--accent"),
        pageIconInactiveColor: css("--line"),
      },
      tooltip: {
        backgroundColor: css("--surface"),
        borderColor: css("--line"),
        textStyle: { color: css("--text"), fontSize: 13 },
        confine: true,
        axisPointer: {
          lineStyle: { color: css("--muted") },
          crossStyle: { color: css("--muted") },
          label: { backgroundColor: css("--muted"), color: css("--surface") },
        },
      },
      dataZoom: {
        borderColor: css("--line"),
        textStyle: { color: css("--muted") },
        handleStyle: { color: css("--surface"), borderColor: css("--muted") },
        moveHandleStyle: { color: css("--line") },
      },
      visualMap: { textStyle: { color: css("--muted") }, color: [css("--heat-high"), css("--heat-middle"), css("--heat-low")] },
      categoryAxis: axis,
      valueAxis: axis,
      logAxis: axis,
      timeAxis: axis,
      line: { symbolSize: 7, lineStyle: { width: 2 } },
    };
  };

  const charts = new Map();

  const draw = (source) => {
    const id = source.dataset.chart;
    charts.get(id)?.dispose();
    const chart = echarts.init(document.getElementById(id), theme());
    const option = resolved(JSON.parse(source.textContent));
    chart.setOption({ animation: false, ...option });
    charts.set(id, chart);
  };

  const drawAll = () => document.querySelectorAll("script[data-chart]").forEach(draw);

  drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("resize", () => charts.forEach((chart) => chart.resize()));
  // A chart that was laid out for a screen is drawn again in the width of the paper.
  addEventListener("beforeprint", () => charts.forEach((chart) => chart.resize()));
})();
