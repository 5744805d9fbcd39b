// <figure class="chart" data-chart="bar|line|stacked|heat" data-source="id"> drawn from JSON
//   {categories: ["09", …], series: [{name, data: [..]}], unit: "%"}
// or, for heat, {categories: columns, rows: [..], data: [[column, row, value], ..], unit}.
// Labels come translated from the server; the same figures stand in a table beside the chart.
import { BarChart, HeatmapChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { short } from "./figures";

echarts.use([BarChart, HeatmapChart, LineChart, AriaComponent, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent, CanvasRenderer]);

interface Source {
  categories: string[];
  series?: { name: string; data: (number | null)[]; tone?: "accent" | "quiet" | "good" | "warn" | "bad" }[];
  rows?: string[];
  data?: [number, number, number | null][];
  unit?: string;
}

/** A colour token as the browser sees it now: light-dark() resolved by a probe element. */
function palette(): Record<string, string> {
  const probe = document.createElement("i");
  probe.style.setProperty("transition", "none", "important"); // else every reading is still the first
  document.body.append(probe);
  const read = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["ink", "ink-3", "ink-4", "line", "paper", "paper-3", "raised", "accent", "accent-fill", "accent-soft", "good-dot", "warn-dot", "bad-dot"];
  const colours = Object.fromEntries(names.map((name) => [name, read(name)]));
  probe.remove();
  return colours;
}

const STEPS = ["accent-fill", "ink-4", "good-dot", "warn-dot", "bad-dot"];
const language = document.documentElement.lang;
const figure = (value: number | null | undefined, unit = ""): string =>
  value == null ? "–" : `${short(value, language)}${unit}`;

function option(kind: string, source: Source, width: number): echarts.EChartsCoreOption {
  const c = palette();
  const font = getComputedStyle(document.body).fontFamily;
  const words = { color: c["ink-3"], fontFamily: font, fontSize: 12 };
  // Names are broken to fit, each of them shown; hours and days may be left out where it is narrow.
  const broken = { interval: 0, overflow: "break", lineHeight: 15, width: Math.floor((width - 48) / source.categories.length) - 6 };
  const category = (data: string[], isUp = false) => ({
    type: "category", data, axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false }, inverse: isUp,
    axisLabel: !isUp && data.length <= 10 && data.some((name) => name.length > 6) ? { ...words, ...broken } : words,
  });
  const base = {
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    animationDuration: 250,
    textStyle: { fontFamily: font },
    aria: { enabled: true },
    grid: { left: 4, right: 8, top: 12, bottom: 4, containLabel: true },
    tooltip: {
      renderMode: "richText", // the HTML tooltip writes style attributes, which our CSP forbids
      backgroundColor: c.raised, borderColor: c.line, borderWidth: 1, padding: [8, 12],
      textStyle: { color: c.ink, fontSize: 12, fontFamily: font },
      valueFormatter: (value: unknown) => figure(value as number | null, source.unit),
    },
  };
  if (kind === "heat") {
    const values = (source.data ?? []).map((cell) => cell[2] ?? 0);
    return {
      ...base,
      tooltip: { ...base.tooltip, formatter: (p: { value: [number, number, number | null] }) =>
        `${source.rows?.[p.value[1]] ?? ""} ${source.categories[p.value[0]] ?? ""}  ${figure(p.value[2], source.unit)}` },
      xAxis: category(source.categories),
      yAxis: category(source.rows ?? [], true),
      visualMap: { show: false, min: Math.min(0, ...values), max: Math.max(1, ...values), inRange: { color: [c["paper-3"], c["accent-fill"]] } },
      series: [{ type: "heatmap", data: source.data, itemStyle: { borderColor: c.paper, borderWidth: 2, borderRadius: 4 } }],
    };
  }
  const many = source.series ?? [];
  const areCounts = many.every((one) => one.data.every((value) => Number.isInteger(value ?? 0)));
  const tones: Record<string, string | undefined> = { accent: c["accent-fill"], quiet: c["ink-4"], good: c["good-dot"], warn: c["warn-dot"], bad: c["bad-dot"] };
  return {
    ...base,
    color: many.map((one, i) => (one.tone && tones[one.tone]) || c[STEPS[i % STEPS.length] ?? "ink-4"] || "grey"),
    grid: { ...base.grid, top: many.length > 1 ? 36 : 12 },
    legend: many.length > 1 ? { top: 0, left: 0, icon: "roundRect", itemWidth: 10, itemHeight: 10, itemGap: 16, textStyle: words } : undefined,
    tooltip: { ...base.tooltip, trigger: "axis", axisPointer: { type: kind === "line" ? "line" : "shadow", lineStyle: { color: c["ink-4"] }, shadowStyle: { color: c["paper-3"], opacity: 0.6 } } },
    xAxis: category(source.categories),
    // Counts get whole steps.
    yAxis: { type: "value", splitNumber: 4, minInterval: areCounts ? 1 : 0, splitLine: { lineStyle: { color: c.line } }, axisLabel: { ...words, formatter: (value: number) => figure(value, source.unit) } },
    series: many.map((one) => ({
      name: one.name,
      data: one.data,
      type: kind === "line" ? "line" : "bar",
      stack: kind === "stacked" ? "all" : undefined,
      barMaxWidth: 28,
      barCategoryGap: "35%",
      itemStyle: kind === "bar" ? { borderRadius: [3, 3, 0, 0] } : undefined,
      symbolSize: 6,
      showSymbol: source.categories.length <= 14,
      lineStyle: { width: 2 },
      emphasis: { focus: many.length > 1 ? "series" : "none" },
    })),
  };
}

const drawn = new Map<HTMLElement, echarts.ECharts>();

function draw(root: ParentNode = document): void {
  for (const [element, chart] of drawn) {
    if (!element.isConnected) {
      chart.dispose();
      drawn.delete(element);
    }
  }
  for (const element of root.querySelectorAll<HTMLElement>("figure.chart[data-chart]")) {
    const json = document.getElementById(element.dataset.source ?? "")?.textContent;
    if (!json) continue;
    let canvas = element.querySelector<HTMLElement>(".canvas");
    if (!canvas) {
      canvas = document.createElement("div");
      canvas.className = "canvas";
      element.querySelector("figcaption")?.after(canvas);
      if (!canvas.isConnected) element.prepend(canvas);
    }
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", element.querySelector("figcaption")?.textContent?.trim() ?? "");
    const chart = drawn.get(element) ?? echarts.init(canvas);
    if (!drawn.has(element)) new ResizeObserver(() => chart.resize()).observe(canvas);
    drawn.set(element, chart);
    chart.setOption(option(element.dataset.chart ?? "bar", JSON.parse(json) as Source, canvas.clientWidth), true);
  }
}

draw();
document.addEventListener("htmx:load", () => draw());
document.addEventListener("furrow:theme", () => draw());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
