// The agent's desk: the tab's title shows the call, leaving in mid-call asks first, and a rubric's
// answers add up to the score.
const own = document.title;

function look(): void {
  const bar = document.querySelector<HTMLElement>(".callbar");
  const state = bar?.dataset.state ?? "idle";
  const isBusy = state === "ringing" || state === "talking" || state === "held";
  document.title = isBusy && bar ? `● ${bar.dataset.title ?? own}` : own;
  onbeforeunload = isBusy ? (event) => event.preventDefault() : null;
}
look();
document.addEventListener("htmx:afterSettle", look);

document.addEventListener("change", (event) => {
  const rubric = (event.target as Element).closest<HTMLElement>("[data-rubric]");
  if (!rubric) return;
  const chosen = [...rubric.querySelectorAll<HTMLInputElement>("[data-points]:checked")];
  const sum = chosen.reduce((points, one) => points + Number(one.dataset.points), 0);
  const score = document.getElementById(`${rubric.dataset.rubric}-${sum}`);
  if (score instanceof HTMLInputElement) score.checked = true;
});
