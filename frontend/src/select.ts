// A long <select data-search> becomes searchable; loaded only by pages that have one.
import TomSelect from "tom-select/base";

export function grow(root: ParentNode): void {
  for (const select of root.querySelectorAll<HTMLSelectElement>("select[data-search]:not(.tomselected)")) {
    select.setAttribute("aria-hidden", "true"); // the control beside it speaks for it
    new TomSelect(select, { maxOptions: 200, hidePlaceholder: true, controlClass: "ts-control", wrapperClass: "ts-wrapper" });
  }
}
