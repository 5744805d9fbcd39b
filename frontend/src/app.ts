// Every page loads this once: htmx and our small modules.
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
import "./player";

// What few pages need comes only when it is on the page: Alpine for [x-data], tom-select for a
// searchable <select data-search>.
const bring = (name: string) => import(new URL(`./${name}.js`, import.meta.url).href);
let hasAlpine = false;

function grow(root: ParentNode): void {
  if (!hasAlpine && root.querySelector("[x-data]")) {
    hasAlpine = true;
    void bring("alpine");
  }
  if (root.querySelector("select[data-search]")) void bring("select").then((module) => module.grow(root));
}
grow(document);
document.addEventListener("htmx:load", (event) => grow(event.target as Element));
