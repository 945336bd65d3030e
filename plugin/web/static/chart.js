// Inquiries by day, stacked by channel. Colours come from the style sheet, so that both themes fit.
(() => {
  const place = document.getElementById("chart");
  if (!place || !globalThis.echarts) return;
  const { labels, series } = JSON.parse(place.dataset.chart);
  const chart = echarts.init(place, null, { renderer: "canvas" });
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

  // ECharts knows neither var() nor oklch(): the canvas turns any colour into one it knows
  const color = (name) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
    return `rgba(${r},${g},${b},${a / 255})`;
  };

  const lines = (points) => {
    const shown = points.filter((point) => point.value).reverse();
    const sum = shown.reduce((total, point) => total + point.value, 0);
    return [`{head|${points[0].name}}  {sum|${sum}}`]
      .concat(shown.map((point) => `${point.marker} ${point.seriesName}  {sum|${point.value}}`))
      .join("\n");
  };

  function draw() {
    const text = color("--chart-text");
    const last = series.length - 1;
    chart.setOption(
      {
        animationDuration: 250,
        textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
        grid: { left: 4, right: 4, top: 12, bottom: 2, containLabel: true },
        tooltip: {
          trigger: "axis",
          // its HTML form writes inline styles, which the page's policy refuses
          renderMode: "richText",
          confine: true,
          axisPointer: { type: "shadow", shadowStyle: { color: color("--chart-shadow") } },
          backgroundColor: color("--chart-tip"),
          borderColor: color("--chart-line"),
          textStyle: {
            color: color("--chart-strong"),
            fontSize: 12,
            lineHeight: 20,
            rich: { head: { fontWeight: 600, lineHeight: 22 }, sum: { fontWeight: 600 } },
          },
          formatter: lines,
        },
        xAxis: {
          type: "category",
          data: labels,
          axisLine: { lineStyle: { color: color("--chart-line") } },
          axisTick: { show: false },
          axisLabel: { color: text, fontSize: 11, hideOverlap: true },
        },
        yAxis: {
          type: "value",
          minInterval: 1,
          splitLine: { lineStyle: { color: color("--chart-line"), type: [3, 4] } },
          axisLabel: { color: text, fontSize: 11 },
        },
        series: series.map((one, place_) => ({
          name: one.name,
          type: "bar",
          stack: "all",
          data: one.values,
          barMaxWidth: 26,
          barCategoryGap: "28%",
          itemStyle: {
            color: color(`--channel-${one.tone}`),
            borderRadius: place_ === last ? [3, 3, 0, 0] : 0,
          },
        })),
      },
      true,
    );
  }

  draw();
  document.addEventListener("whence:theme", draw);
  new ResizeObserver(() => chart.resize()).observe(place);
})();
