"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function cellValue(row, column) {
    const cell = row.cells[column];
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    const text = cell.textContent.trim();
    return text === "" ? null : text;
  }

  // Empty cells stay last in both directions; equal rows keep the order they have.
  function compare(a, b, sign) {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const now = head.getAttribute("aria-sort");
        const order = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
        heads.forEach((other) => other.setAttribute("aria-sort", other === head ? order : "none"));
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...table.tBodies[0].rows].map((row) => [cellValue(row, column), row]);
        rows.sort((a, b) => compare(a[0], b[0], sign));
        table.tBodies[0].append(...rows.map((pair) => pair[1]));
      });
    });
  }

  // Rows stay that contain every word; a word after a minus sign must not occur.
  function filtered(box) {
    const table = box.querySelector("table");
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const input = document.createElement("input");
    const count = document.createElement("span");
    const tools = document.createElement("div");
    tools.className = "tools";
    input.type = "search";
    input.placeholder = "Filter rows: words, -without";
    input.setAttribute("aria-label", "Filter the rows of: " + table.caption.textContent);
    count.setAttribute("aria-live", "polite");
    tools.append(input, count);
    box.prepend(tools);
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter((word) => word && word !== "-");
      let shown = 0;
      rows.forEach((row, place) => {
        const fits = words.every((word) =>
          word.startsWith("-") ? !texts[place].includes(word.slice(1)) : texts[place].includes(word));
        row.hidden = !fits;
        shown += fits;
      });
      count.textContent = shown === rows.length ? rows.length + " rows" : shown + " of " + rows.length + " rows";
    };
    input.addEventListener("input", apply);
    apply();
  }

  const isWide = (place) => place.parentElement.classList.contains("wide");

  function colours(printing) {
    const night = dark.matches && !printing;
    const ink = night ? "#e6e9ed" : "#1b1f24";
    const grid = night ? "#39424d" : "#dfe3e8";
    return { ink, grid, paper: night ? "#14181d" : "#ffffff" };
  }

  // The layout of a chart with the page's colours on every axis it has.
  function themed(layout, wide, printing) {
    const { ink, grid, paper } = colours(printing);
    const margin = { l: 60, r: wide ? 60 : 20, t: 30, b: 36 };
    const full = { autosize: true, margin, hovermode: "closest", ...layout };
    full.paper_bgcolor = full.plot_bgcolor = "rgba(0,0,0,0)";
    full.font = { family: "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif", size: 12, color: ink };
    full.hoverlabel = { bgcolor: paper, font: { color: ink }, align: "left", namelength: -1 };
    for (const axis of ["xaxis", "yaxis"]) {
      full[axis] = { gridcolor: grid, zerolinecolor: grid, linecolor: ink, automargin: true, ...layout[axis] };
    }
    full.modebar = { bgcolor: "rgba(0,0,0,0)", color: ink, activecolor: ink, orientation: "v" };
    full.shapes = (layout.shapes || []).map((shape) => ({ ...shape, line: { color: ink, ...shape.line } }));
    full.annotations = (layout.annotations || []).map((note) => ({ arrowcolor: ink, ...note }));
    return full;
  }

  async function plotly() {
    const packed = atob(document.getElementById("plotly").textContent);
    const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const element = document.createElement("script");
    element.textContent = await new Response(stream).text();
    document.head.append(element);
    return window.Plotly;
  }

  async function charts() {
    const places = [...document.querySelectorAll("[data-chart]")];
    if (!places.length) return;
    const data = JSON.parse(document.getElementById("charts").textContent);
    const config = (place) => ({
      responsive: true,
      displaylogo: false,
      displayModeBar: isWide(place),
      modeBarButtonsToRemove: ["lasso2d", "select2d"],
    });
    try {
      const library = await plotly();
      const draw = (printing) => Promise.all(places.map((place) => {
        const chart = data[Number(place.dataset.chart)];
        return library.react(place, chart.data, themed(chart.layout, isWide(place), printing), config(place));
      }));
      await draw(false);
      dark.addEventListener("change", () => draw(false));
      window.addEventListener("beforeprint", () => draw(true));
      window.addEventListener("afterprint", () => draw(false));
      document.documentElement.dataset.ready = "yes";
    } catch (error) {
      for (const place of places) {
        place.classList.add("failed");
        place.textContent = "The chart could not be drawn by this browser (" + error + "); its numbers are in the tables.";
      }
    }
  }

  document.querySelectorAll("table.data").forEach(sortable);
  document.querySelectorAll(".filtered").forEach(filtered);
  charts();
})();
