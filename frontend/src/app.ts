// Every page loads this once: htmx, Alpine, and our small modules.
import "./requests";
import "./events";
import "./keys";
import "./menus";
import "./dialogs";
import "./messages";
import "./palette";
import "./tables";
import "./timers";
import "./small";
import Alpine from "@alpinejs/csp";

Alpine.start();

// A searchable <select data-search> is rare; its library comes only when one is on the page.
const grow = (root: ParentNode) => {
  if (root.querySelector("select[data-search]")) {
    import(new URL("./select.js", import.meta.url).href).then((module) => module.grow(root));
  }
};
grow(document);
document.addEventListener("htmx:load", (event) => grow(event.target as Element));
