// What a page of ours tells Furrow: at most 3 kB, first-party, nobody else's code.
//
//   <script src="https://…/furrow.js" data-site="KEY" defer></script>
//
// Nothing is stored or told before furrow.consent(true); furrow.consent(false) forgets everything,
// here and there. A visitor is a random number made here. A form is told when it has data-furrow
// and its consent box is ticked: the fields with data-furrow="name", "phone", "company", "city",
// "email", "message"; "asked" is a box for those who want to be called.
(() => {
  const script = document.currentScript as HTMLScriptElement;
  const to = new URL("hit", script.src).href;
  const store = localStorage;
  const VISITOR = "furrow-visitor";
  const random = () =>
    [...crypto.getRandomValues(new Uint8Array(12))].map((n) => n.toString(16).padStart(2, "0")).join("");

  let view = "";
  let before = 0; // ms this page was looked at, until it was hidden last
  let since = 0;
  let next = 15; // seconds
  let told = 0;

  const visitor = () => store.getItem(VISITOR);
  const agreed = () => (visitor() === null ? null : visitor() !== "");
  const seconds = () => Math.floor((before + (since ? performance.now() - since : 0)) / 1000);

  function tell(kind: string, more: object = {}) {
    const hit = { s: script.dataset.site, k: kind, v: visitor() ?? "", i: view, p: location.pathname, ...more };
    navigator.sendBeacon(to, JSON.stringify(hit));
  }

  function open() {
    if (!visitor()) return;
    view = random();
    before = told = 0;
    next = 15;
    since = document.hidden ? 0 : performance.now();
    const from = document.referrer ? new URL(document.referrer).hostname : "";
    tell("view", { r: from === location.hostname ? "" : from });
  }

  function stay() {
    const now = seconds();
    if (view && now > told) tell("stay", { t: (told = now) });
  }

  setInterval(() => {
    if (since && seconds() >= next) {
      next += Math.min(next, 600); // often enough that reading on is no new visit
      stay();
    }
  }, 1000);
  addEventListener("visibilitychange", () => {
    if (!document.hidden) since = performance.now();
    else if (since) {
      before += performance.now() - since;
      since = 0;
      stay();
    }
  });
  addEventListener("pagehide", stay);
  addEventListener(
    "submit",
    (event) => {
      const form = event.target as HTMLFormElement;
      const of = (name: string) => form.querySelector<HTMLInputElement>(`[data-furrow="${name}"]`);
      const box = of("consent");
      if (!form.matches("[data-furrow]") || !box?.checked) return;
      stay();
      const given: Record<string, string> = {};
      for (const name of ["name", "phone", "company", "city", "email", "message"]) {
        const value = of(name)?.value.trim();
        if (value) given[name] = value;
      }
      tell("form", {
        i: random(),
        f: given,
        y: true,
        w: (box.labels?.[0]?.textContent ?? "").trim().replace(/\s+/g, " "),
        a: of("asked")?.checked ?? false,
      });
    },
    true,
  );

  Object.assign(window, {
    furrow: {
      agreed, // true, false, or null while nobody was asked
      open, // for pages that change without loading: tell the next one
      consent(yes: boolean) {
        if (!yes && visitor()) tell("forget", { i: "" });
        if (yes && visitor()) return;
        store.setItem(VISITOR, yes ? random() : "");
        view = "";
        if (yes) open();
      },
    },
  });
  open();
})();
