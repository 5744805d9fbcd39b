// Local state of a part, by Alpine's CSP build: expressions are parsed, never evaluated as code.
import Alpine from "@alpinejs/csp";

Alpine.start();
