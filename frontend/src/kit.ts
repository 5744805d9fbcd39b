// The gallery: below each sample the HTML to copy, with icons written as template tags again.
for (const sample of document.querySelectorAll<HTMLElement>(".sample")) {
  const source = sample.innerHTML
    .replace(/<svg class="icon ?([^"]*)"[^>]*><use href="[^"#]*#([^"]+)"><\/use><\/svg>/g, (_, css: string, name: string) =>
      `{% icon "${name}"${css ? ` css="${css}"` : ""} %}`)
    .replace(/=""/g, "")
    .replace(/^\n+|\s+$/g, "");
  const indent = Math.min(...source.split("\n").filter((line) => line.trim()).map((line) => line.search(/\S/)));
  const pre = document.createElement("pre");
  pre.textContent = source.split("\n").map((line) => line.slice(indent)).join("\n");
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.className = "quiet small";
  summary.textContent = "HTML";
  details.append(summary, pre);
  sample.after(details);
}
